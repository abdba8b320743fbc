import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { SubscribePayload } from 'graphql-ws';
import { WebSocket } from 'ws';
import type { Viewer } from '../visitors/visitor.js';

/** Longest close reason that a frame holds, in bytes. */
const MAX_REASON_BYTES = 123;

/** One operation of a socket, from its `subscribe` until nothing of it is left. */
export interface Turn {
  readonly id: string;
  /** When it is; never rejects. Null until it was begun. */
  over: Promise<void> | null;
  /** Whether its client completed it. */
  stopped: boolean;
}

/**
 * One socket and what is known of it. There are many, mostly idle: a record without functions of its own, and
 * nothing that only some need is made before it is needed. Writing to it is done by the functions below.
 */
export interface Connection {
  readonly id: string;
  readonly ws: WebSocket;
  readonly socket: Socket;
  /** The request that opened it, until the socket is acknowledged. */
  request: IncomingMessage | null;
  readonly address: string;
  /** Null until the socket is acknowledged. */
  viewer: Viewer | null;
  /** When its token ends, in milliseconds since the epoch; null: never, or not known yet. */
  expiresAt: number | null;
  /** Ends the wait for what it must do next: introduce itself, then renew its token. */
  cancelWait: (() => void) | null;
  /** Whether its token is still under one of our keys. */
  inForce: () => boolean;
  readonly openedAt: number;
  /** When it last had an operation or said something, on the monotonic clock. */
  activeAt: number;
  /** With which part of all sockets it is visited. */
  part: number;
  /** Whether it was heard of since the last ping. */
  alive: boolean;
  /** What graphql-ws is just being told to run. */
  asked: SubscribePayload | null;
  /** Gives a message to graphql-ws. */
  handle: (text: string) => Promise<void>;
  /** The operations that are under way, the oldest first. */
  turns: readonly Turn[];
  /** How many operations are open. */
  operations: number;
  operationsSeen: number;
  /** Mutations that run now. */
  mutations: Set<Promise<unknown>> | null;
  /** Who waits for it to drain, null while it is not listened to. */
  parked: (() => void)[] | null;
}

const NONE: readonly Turn[] = [];
const always = (): boolean => true;
const ignore = (): Promise<void> => Promise.resolve();

export const createConnection = (
  known: Pick<Connection, 'id' | 'ws' | 'socket' | 'request' | 'address' | 'openedAt'>,
): Connection => ({
  ...known,
  viewer: null,
  expiresAt: null,
  cancelWait: null,
  inForce: always,
  activeAt: known.openedAt,
  part: 0,
  alive: true,
  asked: null,
  handle: ignore,
  turns: NONE,
  operations: 0,
  operationsSeen: 0,
  mutations: null,
  parked: null,
});

export const isOpen = ({ ws }: Connection): boolean => ws.readyState === WebSocket.OPEN;

/** What `write` refused is still in our memory: the other side does not keep up. */
const isFull = ({ socket }: Connection): boolean => socket.writableNeedDrain && socket.writableLength > 0;

/** While the connection is full nothing is written; whoever has something to say waits for `onceWritable`. */
export const isWritable = (connection: Connection): boolean => isOpen(connection) && !isFull(connection);

function drained(connection: Connection): void {
  const waiting = connection.parked ?? [];
  connection.parked = null;
  for (const listener of waiting) listener();
}

/** Calls `listener` once when there is room again; never when the socket ends first. */
export function onceWritable(connection: Connection, listener: () => void): void {
  if (connection.parked !== null) {
    connection.parked.push(listener);
    return;
  }
  connection.parked = [listener];
  if (isFull(connection)) connection.socket.once('drain', () => drained(connection));
  else setImmediate(drained, connection);
}

/** Writes frames that are already bytes, one character each, in one write. */
export const writeBytes = ({ socket }: Connection, frames: string): void =>
  void socket.write(frames, 'latin1');

export function closeConnection({ ws }: Connection, code: number, reason: string): void {
  // Cut between characters: a half one would become a replacement, which may be too long again.
  const { read } = new TextEncoder().encodeInto(reason, new Uint8Array(MAX_REASON_BYTES));
  ws.close(code, reason.slice(0, read));
}
