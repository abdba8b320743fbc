import { createServer, connect, type AddressInfo, type Socket } from 'node:net';
import { BSON } from 'mongodb';

/** A command as a client sent it. */
export interface RecordedCommand {
  readonly name: string;
  /** Empty for what is asked before there is a database. */
  readonly database: string;
  readonly body: Readonly<Record<string, unknown>>;
}

export interface MongoRecorder {
  /** The address to give to a server in place of MongoDB's own. */
  readonly url: string;
  /** Everything that went through, oldest first. */
  readonly commands: readonly RecordedCommand[];
  close(): Promise<void>;
}

const HEADER_BYTES = 16;
const OP_QUERY = 2004;
const OP_MSG = 2013;
const CHECKSUM_PRESENT = 1;

// Types stay as they were sent: a number is one, and what is none is not made one.
const read = (bytes: Buffer): Record<string, unknown> => BSON.deserialize(bytes, { promoteBuffers: true });
const documentAt = (bytes: Buffer, at: number): Buffer => bytes.subarray(at, at + bytes.readInt32LE(at));
const textEnd = (bytes: Buffer, at: number): number => bytes.indexOf(0, at);

/** A command of OP_MSG: its document, with the sequences of documents beside it. */
function messageCommand(message: Buffer): Record<string, unknown> {
  const flags = message.readUInt32LE(HEADER_BYTES);
  const end = message.length - ((flags & CHECKSUM_PRESENT) === 0 ? 0 : 4);
  let body: Record<string, unknown> = {};
  const sequences: Record<string, unknown[]> = {};
  for (let at = HEADER_BYTES + 4; at < end;) {
    const kind = message[at];
    at += 1;
    if (kind === 0) {
      const document = documentAt(message, at);
      body = read(document);
      at += document.length;
      continue;
    }
    const sectionEnd = at + message.readInt32LE(at);
    const nameEnd = textEnd(message, at + 4);
    const documents: unknown[] = [];
    sequences[message.toString('utf8', at + 4, nameEnd)] = documents;
    for (at = nameEnd + 1; at < sectionEnd;) {
      const document = documentAt(message, at);
      documents.push(read(document));
      at += document.length;
    }
  }
  return { ...body, ...sequences };
}

function commandOf(message: Buffer): RecordedCommand | null {
  const code = message.readInt32LE(12);
  if (code !== OP_MSG && code !== OP_QUERY) return null;
  const body =
    code === OP_MSG
      ? messageCommand(message)
      : read(documentAt(message, textEnd(message, HEADER_BYTES + 4) + 1 + 8));
  const [name = ''] = Object.keys(body);
  const database = body['$db'];
  return { name, database: typeof database === 'string' ? database : '', body };
}

/** Stands between a server and MongoDB, and notes every command that the server sends. */
export async function recordMongo(target: string): Promise<MongoRecorder> {
  const [, host = '', port = ''] = /([\d.]+|localhost):(\d+)/.exec(target) ?? [];
  const commands: RecordedCommand[] = [];
  const sockets = new Set<Socket>();

  function note(bytes: Buffer): Buffer {
    let rest = bytes;
    while (rest.length >= HEADER_BYTES && rest.length >= rest.readInt32LE(0)) {
      const length = rest.readInt32LE(0);
      const command = commandOf(rest.subarray(0, length));
      if (command !== null) commands.push(command);
      rest = rest.subarray(length);
    }
    return rest;
  }

  const server = createServer((socket) => {
    const inner = connect(Number(port), host);
    let rest = Buffer.alloc(0);
    socket.on('data', (chunk: Buffer) => (rest = Buffer.from(note(Buffer.concat([rest, chunk])))));
    socket.pipe(inner).pipe(socket);
    for (const [one, other] of [
      [socket, inner],
      [inner, socket],
    ] as const) {
      sockets.add(one);
      one.on('error', () => other.destroy());
      one.on('close', () => {
        sockets.delete(one);
        other.destroy();
      });
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const own = (server.address() as AddressInfo).port;
  // By its own address the server would be asked for the addresses of its replica set, and gone to directly.
  const { pathname, searchParams } = new URL(target);
  searchParams.set('directConnection', 'true');
  return {
    url: `mongodb://127.0.0.1:${own}${pathname}?${searchParams}`,
    commands,
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
