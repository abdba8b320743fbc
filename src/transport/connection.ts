import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { WebSocket } from 'ws';
import type { Viewer } from '../visitors/visitor.js';

/** Longest close reason that a frame holds, in bytes. */
const MAX_REASON_BYTES = 123;

/**
 * One socket: what is known of it, and writing to it. While the connection is full nothing is written; whoever
 * has something to say waits for `onceWritable`.
 */
export function createConnection({
  id,
  ws,
  socket,
  request,
  address,
  openedAt,
}: {
  id: string;
  ws: WebSocket;
  socket: Socket;
  request: IncomingMessage;
  address: string;
  openedAt: number;
}) {
  let parked: (() => void)[] = [];
  let listening = false;

  /** What `write` refused is still in our memory: the other side does not keep up. */
  const full = (): boolean => socket.writableNeedDrain && socket.writableLength > 0;

  function drained(): void {
    listening = false;
    const waiting = parked;
    parked = [];
    for (const listener of waiting) listener();
  }

  const connection = {
    id,
    ws,
    /** The request that opened it, until the socket is acknowledged. */
    request: request as IncomingMessage | null,
    address,
    /** Null until the socket is acknowledged. */
    viewer: null as Viewer | null,
    /** When its token ends, in milliseconds since the epoch; null: never, or not known yet. */
    expiresAt: null as number | null,
    cancelExpiry: (): void => undefined,
    /** Whether its token is still under one of our keys. */
    inForce: (): boolean => true,
    openedAt,
    /** When it last had an operation or said something, on the monotonic clock. */
    activeAt: openedAt,
    /** Whether it was heard of since the last ping. */
    alive: true,
    /** Mutations that run now. */
    mutations: new Set<Promise<unknown>>(),
    /** How many operations are open. */
    operations: (): number => 0,
    operationsSeen: 0,

    isOpen: (): boolean => ws.readyState === WebSocket.OPEN,
    writable: (): boolean => ws.readyState === WebSocket.OPEN && !full(),
    /** Calls `listener` once when there is room again; never when the socket ends first. */
    onceWritable(listener: () => void): void {
      parked.push(listener);
      if (listening) return;
      listening = true;
      if (full()) socket.once('drain', drained);
      else setImmediate(drained);
    },
    /** Sends frames in one write. */
    send(frames: readonly string[]): void {
      socket.cork();
      for (const frame of frames) ws.send(frame);
      socket.uncork();
    },
    /** Writes frames that are already bytes, one character each, in one write. */
    write(frames: string): void {
      socket.write(frames, 'latin1');
    },
    close(code: number, reason: string): void {
      // Cut between characters: a half one would become a replacement, which may be too long again.
      const { read } = new TextEncoder().encodeInto(reason, new Uint8Array(MAX_REASON_BYTES));
      ws.close(code, reason.slice(0, read));
    },
  };
  return connection;
}

export type Connection = ReturnType<typeof createConnection>;
