import { once } from 'node:events';
import { WebSocket } from 'ws';
import type { GraphqlProblem } from './graphql-client.js';

/** What the server says in `connection_ack`. */
export interface Acknowledged {
  readonly token?: string;
  readonly expiresAt?: string;
  readonly visitor: { readonly id: string; readonly displayName: string };
}

export interface Closed {
  readonly code: number;
  readonly reason: string;
}

/** One operation on a socket. */
export interface SocketOperation<Data> {
  readonly id: string;
  /** What arrived so far, oldest first; nothing is kept of what a listener takes. */
  readonly data: readonly Data[];
  /** The errors of an `error` frame, or of a `next` frame. */
  readonly errors: readonly GraphqlProblem[];
  /** How it ended: by the server's `complete` or `error`, by us, or with its socket. */
  readonly ended: Promise<'complete' | 'error' | 'stopped' | 'closed'>;
  /** Sends `complete`. */
  stop(): void;
}

export interface OperationListeners<Data> {
  next?(data: Data): void;
}

/** A `graphql-transport-ws` connection, written against the protocol alone. */
export interface GraphqlSocket {
  readonly ack: Acknowledged;
  readonly closed: Promise<Closed>;
  subscribe<Data>(
    query: string,
    variables?: Readonly<Record<string, unknown>>,
    listeners?: OperationListeners<Data>,
  ): SocketOperation<Data>;
  /** One query or mutation over the socket. */
  request<Data>(query: string, variables?: Readonly<Record<string, unknown>>): Promise<Data>;
  /** Sends a frame as it is. */
  sendRaw(frame: string | Buffer): void;
  /** Stops reading from the network, as a stalled client does. */
  stall(): void;
  /** Reads again. */
  wake(): void;
  /** Closes it properly. */
  close(): void;
  /** Cuts the connection without a word. */
  cut(): void;
}

export interface SocketOptions {
  readonly token?: string | undefined;
  readonly headers?: Readonly<Record<string, string>>;
  /** Longest wait for `connection_ack`. */
  readonly timeoutMs?: number;
  /** Cuts the connection when the server leaves a ping unanswered this long. Default: never. */
  readonly silenceMs?: number;
}

interface Frame {
  readonly type: string;
  readonly id?: string;
  readonly payload?: unknown;
}

interface Running {
  next(payload: { data?: unknown; errors?: readonly GraphqlProblem[] }): void;
  end(how: 'complete' | 'error' | 'closed', errors: readonly GraphqlProblem[]): void;
}

const ACK_TIMEOUT_MS = 30_000;

/** Address of the GraphQL socket of a server such as `http://127.0.0.1:8000`. */
const socketUrl = (url: string): string => `${url.replace(/^http/, 'ws')}/graphql`;

/**
 * Opens a socket and resolves when it is acknowledged.
 *
 * @throws Error with the status, or the close code, that refused it.
 */
export async function openSocket(url: string, options: SocketOptions = {}): Promise<GraphqlSocket> {
  const socket = new WebSocket(socketUrl(url), 'graphql-transport-ws', {
    headers: { ...options.headers },
    handshakeTimeout: options.timeoutMs ?? ACK_TIMEOUT_MS,
  });
  const running = new Map<string, Running>();
  let isAlive = true;
  let lastId = 0;
  let acknowledge: (ack: Acknowledged) => void = () => undefined;

  const acked = new Promise<Acknowledged>((resolve) => (acknowledge = resolve));
  const closed = new Promise<Closed>((resolve) => {
    socket.once('close', (code, reason) => {
      for (const operation of running.values()) operation.end('closed', []);
      running.clear();
      resolve({ code, reason: reason.toString() });
    });
  });
  const send = (frame: Frame): void => {
    if (socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify(frame));
  };

  socket.on('message', (data: Buffer) => {
    isAlive = true;
    const frame = JSON.parse(data.toString()) as Frame;
    const operation = running.get(frame.id ?? '');
    if (frame.type === 'connection_ack') acknowledge(frame.payload as Acknowledged);
    else if (frame.type === 'ping') send({ type: 'pong' });
    else if (frame.type === 'next') operation?.next(frame.payload as Parameters<Running['next']>[0]);
    else if (frame.type === 'error') operation?.end('error', frame.payload as readonly GraphqlProblem[]);
    else if (frame.type === 'complete') operation?.end('complete', []);
  });
  watchSilence(socket, options.silenceMs, {
    take: () => {
      const was = isAlive;
      isAlive = false;
      return was;
    },
    ping: () => send({ type: 'ping' }),
  });

  await once(socket, 'open');
  // From here on a failure shows as a close.
  socket.on('error', () => undefined);
  send({
    type: 'connection_init',
    ...(options.token === undefined ? {} : { payload: { token: options.token } }),
  });
  const timer = setTimeout(() => socket.terminate(), options.timeoutMs ?? ACK_TIMEOUT_MS);
  const first = await Promise.race([acked, closed]);
  clearTimeout(timer);
  if ('code' in first) throw new Error(`Socket refused: ${first.code} ${first.reason}`);

  function subscribe<Data>(
    query: string,
    variables: Readonly<Record<string, unknown>> = {},
    listeners: OperationListeners<Data> = {},
  ): SocketOperation<Data> {
    const id = String((lastId += 1));
    const data: Data[] = [];
    const errors: GraphqlProblem[] = [];
    let finish: (how: 'complete' | 'error' | 'stopped' | 'closed') => void = () => undefined;
    const ended = new Promise<'complete' | 'error' | 'stopped' | 'closed'>((resolve) => (finish = resolve));
    running.set(id, {
      next(payload) {
        if (payload.errors !== undefined) errors.push(...payload.errors);
        if (payload.data === undefined || payload.data === null) return;
        if (listeners.next === undefined) data.push(payload.data as Data);
        else listeners.next(payload.data as Data);
      },
      end(how, problems) {
        errors.push(...problems);
        running.delete(id);
        finish(how);
      },
    });
    if (socket.readyState === WebSocket.OPEN) send({ type: 'subscribe', id, payload: { query, variables } });
    else running.get(id)?.end('closed', []);
    return {
      id,
      data,
      errors,
      ended,
      stop() {
        if (!running.delete(id)) return;
        send({ type: 'complete', id });
        finish('stopped');
      },
    };
  }

  return {
    ack: first,
    closed,
    subscribe,
    async request<Data>(query: string, variables: Readonly<Record<string, unknown>> = {}) {
      const operation = subscribe<Data>(query, variables);
      const how = await operation.ended;
      const [answer] = operation.data;
      if (answer === undefined || operation.errors.length > 0) {
        throw new Error(`Refused (${how}):\n${query}\n${JSON.stringify(operation.errors, undefined, 2)}`);
      }
      return answer;
    },
    sendRaw: (frame) => socket.send(frame),
    stall: () => socket.pause(),
    wake: () => socket.resume(),
    close: () => socket.close(1000),
    cut: () => socket.terminate(),
  };
}

function watchSilence(
  socket: WebSocket,
  silenceMs: number | undefined,
  { take, ping }: { take(): boolean; ping(): void },
): void {
  if (silenceMs === undefined) return;
  const timer = setInterval(() => {
    if (!take()) socket.terminate();
    else ping();
  }, silenceMs);
  socket.once('close', () => clearInterval(timer));
}
