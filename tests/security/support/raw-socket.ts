import { randomBytes } from 'node:crypto';
import { connect, type Socket } from 'node:net';

export interface FrameParts {
  readonly opcode: number;
  readonly payload?: Buffer;
  readonly fin?: boolean;
  /** The three reserved bits. */
  readonly rsv?: number;
  readonly masked?: boolean;
}

/** One WebSocket frame, right or wrong as asked for. */
export function frame({ opcode, payload = Buffer.alloc(0), fin = true, rsv = 0, masked = true }: FrameParts) {
  const first = (fin ? 0x80 : 0) | (rsv << 4) | opcode;
  const mask = masked ? 0x80 : 0;
  const { length } = payload;
  const header =
    length < 126
      ? Buffer.from([first, mask | length])
      : length < 65_536
        ? Buffer.from([first, mask | 126, length >> 8, length & 0xff])
        : Buffer.concat([Buffer.from([first, mask | 127, 0, 0, 0, 0]), uint32(length)]);
  if (!masked) return Buffer.concat([header, payload]);
  const key = randomBytes(4);
  return Buffer.concat([header, key, payload.map((byte, index) => byte ^ key[index % 4]!)]);
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

export const text = (value: string): Buffer => frame({ opcode: 1, payload: Buffer.from(value) });

/** A close frame with this code and reason. */
export function closeFrame(code: number, reason: Buffer = Buffer.alloc(0)): Buffer {
  return frame({ opcode: 8, payload: Buffer.concat([Buffer.from([code >> 8, code & 0xff]), reason]) });
}

/** The lines of an upgrade request; `headers` replace or, when null, drop the usual ones. */
export function upgradeRequest(
  headers: Readonly<Record<string, string | null>> = {},
  path = '/graphql',
): string {
  const all: Record<string, string | null> = {
    Host: 'localhost',
    Connection: 'Upgrade',
    Upgrade: 'websocket',
    'Sec-WebSocket-Version': '13',
    'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
    'Sec-WebSocket-Protocol': 'graphql-transport-ws',
    ...headers,
  };
  const lines = Object.entries(all).flatMap(([name, value]) => (value === null ? [] : [`${name}: ${value}`]));
  return `GET ${path} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`;
}

/** A connection after a proper handshake, whose frames are ours to break. */
export interface RawSocket {
  readonly socket: Socket;
  send(...frames: readonly Buffer[]): void;
  /** The close code that the server sent, or null when it hung up without one. */
  readonly closed: Promise<number | null>;
}

/** Connects and upgrades. @throws Error with the first line of any other answer. */
export async function openRaw(
  url: string,
  after: Buffer = Buffer.alloc(0),
  headers: Readonly<Record<string, string>> = {},
): Promise<RawSocket> {
  const socket = connect(Number(new URL(url).port), '127.0.0.1');
  let bytes: Buffer = Buffer.alloc(0);
  const opened = new Promise<void>((resolve, reject) => {
    socket.on('data', (chunk: Buffer) => {
      bytes = Buffer.concat([bytes, chunk]);
      const head = bytes.toString('latin1');
      if (!head.includes('\r\n\r\n')) return;
      if (head.startsWith('HTTP/1.1 101')) resolve();
      else reject(new Error(head.split('\r\n', 1)[0]));
    });
    socket.once('close', () => reject(new Error('closed before the handshake')));
  });
  opened.catch(() => undefined);
  socket.on('error', () => undefined);
  const closed = new Promise<number | null>((resolve) => {
    socket.once('close', () => resolve(closeCodeOf(bytes)));
    socket.on('data', () => {
      if (closeCodeOf(bytes) !== null) socket.end();
    });
  });
  socket.write(Buffer.concat([Buffer.from(upgradeRequest(headers)), after]));
  await opened;
  return { socket, closed, send: (...frames) => void socket.write(Buffer.concat([...frames])) };
}

/** The code in the close frame among the frames behind the handshake. */
function closeCodeOf(bytes: Buffer): number | null {
  let at = bytes.indexOf('\r\n\r\n') + 4;
  while (at >= 4 && at + 2 <= bytes.length) {
    const opcode = bytes[at]! & 0x0f;
    const short = bytes[at + 1]! & 0x7f;
    const length =
      short < 126
        ? short
        : short === 126
          ? bytes.readUInt16BE(at + 2)
          : Number(bytes.readBigUInt64BE(at + 2));
    const start = at + 2 + (short < 126 ? 0 : short === 126 ? 2 : 8);
    if (opcode === 8) return length >= 2 && bytes.length >= start + 2 ? bytes.readUInt16BE(start) : null;
    at = start + length;
  }
  return null;
}
