import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import type { Target } from './proxy.js';

export interface UnreliableBusOptions {
  readonly target: Target;
  /** Which channels it harms. */
  readonly isHarmed: (channel: string) => boolean;
  /** How likely each of three harms is for each event: it is lost, comes twice, or comes after the next one. */
  readonly share: number;
  readonly chance?: () => number;
}

/** What came through, and what became of it. */
export interface BusCounts {
  readonly events: number;
  readonly lost: number;
  readonly doubled: number;
  readonly late: number;
}

/** A proxy in front of Redis that loses, doubles and delays published events, and passes all else on as it is. */
export interface UnreliableBus {
  readonly url: string;
  counts(): BusCounts;
  close(): Promise<void>;
}

const HOST = '127.0.0.1';
/** An event that no other one follows is late by this much. */
const LATE_MS = 10;
/** A published event, as Redis pushes it: three strings, the second one the channel. */
const PUSHED = /^\*3\r\n\$7\r\nmessage\r\n\$\d+\r\n([^\r]*)\r\n/;
const LONGEST_HEAD = 300;

export async function startUnreliableBus(options: UnreliableBusOptions): Promise<UnreliableBus> {
  const { target, isHarmed, share, chance = Math.random } = options;
  const counts = { events: 0, lost: 0, doubled: 0, late: 0 };
  const sockets = new Set<Socket>();

  /** What becomes of each reply of one connection. */
  function harm(client: Socket): (reply: Buffer) => void {
    let held: Buffer | null = null;
    const release = (): void => {
      if (held !== null && !client.destroyed) client.write(held);
      held = null;
    };
    return (reply) => {
      const channel = PUSHED.exec(reply.toString('latin1', 0, LONGEST_HEAD))?.[1];
      if (channel === undefined || !isHarmed(channel)) {
        client.write(reply);
        return;
      }
      counts.events += 1;
      const kind = Math.floor(chance() / share);
      if (kind === 0) counts.lost += 1;
      else if (kind === 1) counts.doubled += 1;
      if (kind === 2 && held === null) {
        counts.late += 1;
        held = reply;
        setTimeout(release, LATE_MS);
        return;
      }
      if (kind !== 0) client.write(reply);
      if (kind === 1) client.write(reply);
      release();
    };
  }

  const server = createServer((client) => {
    const upstream = connect({ ...target });
    const pass = harm(client);
    let rest: Buffer = Buffer.alloc(0);
    upstream.on('data', (chunk: Buffer) => {
      rest = Buffer.concat([rest, chunk]);
      for (let end = replyEnd(rest, 0); end > 0; end = replyEnd(rest, 0)) {
        pass(rest.subarray(0, end));
        rest = rest.subarray(end);
      }
    });
    client.on('data', (chunk: Buffer) => upstream.write(chunk));
    for (const [socket, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(socket);
      socket.setNoDelay();
      socket.on('error', () => undefined);
      socket.once('close', () => {
        sockets.delete(socket);
        other.destroy();
      });
    }
  });
  server.listen(0, HOST);
  await once(server, 'listening');
  return {
    url: `redis://${HOST}:${(server.address() as AddressInfo).port}`,
    counts: () => ({ ...counts }),
    async close() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

/** Where the reply that begins at `from` ends (RESP2); 0 while it is not all there. */
export function replyEnd(bytes: Buffer, from: number): number {
  const line = bytes.indexOf('\r\n', from);
  if (line < 0) return 0;
  const kind = bytes.toString('latin1', from, from + 1);
  const size = Number(bytes.toString('latin1', from + 1, line));
  let end = line + 2;
  if (kind === '$') {
    if (size >= 0) end += size + 2;
    return end <= bytes.length ? end : 0;
  }
  if (kind !== '*') return end;
  for (let element = 0; element < size; element += 1) {
    end = replyEnd(bytes, end);
    if (end === 0) return 0;
  }
  return end;
}
