import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { SubscribePayload } from 'graphql-ws';
import { WebSocket } from 'ws';
import type { Leavable } from '../graphql/shared/member.js';
import type { Viewer } from '../visitors/visitor.js';

/** Longest close reason that a frame holds, in bytes. */
const MAX_REASON_BYTES = 123;

/** One operation of a socket, from its `subscribe` until nothing of it is left. */
export interface Turn {
  readonly id: string;
  /** How many were open with it when it came. */
  readonly place: number;
  /** What it asks for, until it is begun. */
  asked: SubscribePayload | null;
  /** When it is over; never rejects. Null until it was begun, and for a subscription in force. */
  over: Promise<void> | null;
  /** Whether its client completed it. */
  stopped: boolean;
  /** The subscription that it is; null for anything else, and while that is not in force. */
  subscription: Leavable | null;
}

/** What graphql-ws knows of a socket: needed while it handles a message of that socket, and not kept beyond. */
export interface Session {
  readonly handle: (text: string) => Promise<void>;
  readonly closed: (code: number, reason: string) => Promise<void>;
  /** When it knows that the socket was acknowledged before; null: it does. */
  resumed: Promise<void> | null;
  /** How many messages it handles now; that of an operation until it is over. */
  busy: number;
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
  /** On the monotonic clock, in whole milliseconds as the times below: what is no small integer lies beside the record. */
  readonly openedAt: number;
  /** When it last had an operation or said something, on the monotonic clock. */
  activeAt: number;
  /** With which part of all sockets it is visited. */
  part: number;
  /** Frames of its present window, and when that ends on the monotonic clock. */
  frames: number;
  framesUntil: number;
  /** Whether it was heard of since the last ping. */
  alive: boolean;
  /** What its own last ping brought, which is answered when there is room; null: nothing is owed. */
  pinged: Buffer | null;
  /** What graphql-ws is just being told to run. */
  asked: Turn | null;
  session: Session | null;
  /** The operations that are under way, the oldest first. */
  turns: readonly Turn[];
  /** How many operations are open. */
  operations: number;
  operationsSeen: number;
  /** Mutations that run now, and what waits to be read: each may be one. */
  mutations: Set<Promise<unknown>> | null;
  /** Who waits for it to drain, null while it is not listened to. */
  parked: (() => void)[] | null;
}

const NONE: readonly Turn[] = [];
/** The `inForce` of a socket that has no token of ours. */
export const always = (): boolean => true;

export const createConnection = ({
  id,
  ws,
  socket,
  request,
  address,
  openedAt,
}: Pick<Connection, 'id' | 'ws' | 'socket' | 'request' | 'address' | 'openedAt'>): Connection => ({
  // Written out: what is spread into a record lies beside it, in a list of its own.
  id,
  ws,
  socket,
  request,
  address,
  openedAt,
  viewer: null,
  expiresAt: null,
  cancelWait: null,
  inForce: always,
  activeAt: openedAt,
  part: 0,
  frames: 0,
  framesUntil: 0,
  alive: true,
  pinged: null,
  asked: null,
  session: null,
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

/** Wakes whoever waits for room: there is some, or the socket has ended. */
export function drained(connection: Connection): void {
  const waiting = connection.parked ?? [];
  connection.parked = null;
  for (const listener of waiting) listener();
}

/** Calls `listener` once, when there is room again or the socket has ended. */
export function onceWritable(connection: Connection, listener: () => void): void {
  if (connection.parked !== null) {
    connection.parked.push(listener);
    return;
  }
  connection.parked = [listener];
  // One that is being closed is never writable again: it is woken when it has ended.
  if (!isOpen(connection)) return;
  if (isFull(connection)) connection.socket.once('drain', () => drained(connection));
  else setImmediate(drained, connection);
}

/** Sends a message when there is room for it; what is left when the socket ends is dropped. */
export function send(connection: Connection, text: string): void | Promise<void> {
  if (isWritable(connection)) return connection.ws.send(text);
  if (!isOpen(connection)) return undefined;
  return new Promise((resolve) => {
    onceWritable(connection, () => resolve(connection.ws.send(text)));
  });
}

/**
 * Answers a ping. While there is no room only the last one is kept, as RFC 6455 lets a server do (5.5.3): whoever pings
 * and does not read could fill our memory with answers.
 */
export function answerPing(connection: Connection, data: Buffer): void {
  if (isWritable(connection)) return connection.ws.pong(data);
  const isFirst = connection.pinged === null;
  connection.pinged = data;
  if (!isFirst) return;
  onceWritable(connection, () => {
    const { pinged } = connection;
    connection.pinged = null;
    if (isOpen(connection)) connection.ws.pong(pinged);
  });
}

/** Nothing of an operation is left. */
export function forgetTurn(connection: Connection, turn: Turn): void {
  if (!turn.stopped) connection.operations -= 1;
  turn.stopped = true;
  const { turns } = connection;
  // Most sockets have one.
  connection.turns = turns.length === 1 && turns[0] === turn ? NONE : turns.filter((each) => each !== turn);
}

/** A drain waits for `running` before it closes the connection. */
export function noteMutation(connection: Connection, running: Promise<unknown>): void {
  const mutations = (connection.mutations ??= new Set());
  mutations.add(running);
  const forget = (): void => void mutations.delete(running);
  void running.then(forget, forget);
}

/** Writes frames that are already bytes, one character each, in one write. */
export const writeBytes = ({ socket }: Connection, frames: string): void =>
  void socket.write(frames, 'latin1');

export function closeConnection({ ws }: Connection, code: number, reason: string): void {
  // Cut between characters: a half one would become a replacement, which may be too long again.
  const { read } = new TextEncoder().encodeInto(reason, new Uint8Array(MAX_REASON_BYTES));
  ws.close(code, reason.slice(0, read));
}
