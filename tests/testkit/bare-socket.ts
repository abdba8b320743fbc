import { request as httpRequest } from 'node:http';
import { connect } from 'node:net';
import { onTestFinished } from 'vitest';
import { WebSocket, type ClientOptions } from 'ws';

/** Sends bytes as they are and gives all that comes back until the server closes. */
export function raw(port: number, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(text));
    let answer = '';
    socket.setEncoding('utf8');
    socket.on('data', (chunk: string) => (answer += chunk));
    socket.on('close', () => resolve(answer));
    socket.on('error', reject);
  });
}

/** An upgrade that is refused: its status and headers. */
export function refusedUpgrade(
  port: number,
  path: string,
  headers: Record<string, string> = {},
): Promise<{ status: number; headers: Record<string, unknown> }> {
  return new Promise((resolve, reject) => {
    const request = httpRequest({
      port,
      host: '127.0.0.1',
      path,
      headers: {
        connection: 'Upgrade',
        upgrade: 'websocket',
        'sec-websocket-version': '13',
        'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
        'sec-websocket-protocol': 'graphql-transport-ws',
        ...headers,
      },
    });
    request.on('response', (response) => {
      response.resume();
      resolve({ status: response.statusCode ?? 0, headers: response.headers });
    });
    request.on('upgrade', (response, socket) => {
      socket.destroy();
      resolve({ status: response.statusCode ?? 0, headers: response.headers });
    });
    request.on('error', reject);
    request.end();
  });
}

export interface Frame {
  readonly type: string;
  readonly id?: string;
  readonly payload?: never;
}

/** A bare socket that keeps every frame. */
export function openSocket(url: string, options: ClientOptions & { protocols?: string[] } = {}) {
  const { protocols = ['graphql-transport-ws'], ...rest } = options;
  const ws = new WebSocket(url.replace(/^http/, 'ws'), protocols, rest);
  const frames: Frame[] = [];
  const waiting = new Set<() => void>();
  const wake = () => {
    for (const each of waiting) each();
  };
  let closed: { code: number; reason: string } | null = null;
  ws.on('message', (data: Buffer) => {
    frames.push(JSON.parse(data.toString()) as Frame);
    wake();
  });
  ws.on('close', (code, reason) => {
    closed = { code, reason: reason.toString() };
    wake();
  });
  ws.on('error', () => undefined);
  const opened = new Promise<void>((resolve, reject) => {
    ws.once('open', resolve);
    ws.once('close', () => reject(new Error('closed before it opened')));
  });
  opened.catch(() => undefined);

  function until<T>(find: () => T | undefined, what: string): Promise<T> {
    return new Promise((resolve, reject) => {
      const limit = setTimeout(
        () =>
          reject(
            new Error(`${what}: got ${JSON.stringify(frames.slice(-5))}, closed ${JSON.stringify(closed)}`),
          ),
        20_000,
      );
      const look = () => {
        const found = find();
        if (found === undefined) return;
        clearTimeout(limit);
        waiting.delete(look);
        resolve(found);
      };
      waiting.add(look);
      look();
    });
  }

  const socket = {
    ws,
    frames,
    opened,
    closed: () => until(() => closed ?? undefined, 'never closed'),
    send: (frame: unknown) => ws.send(typeof frame === 'string' ? frame : JSON.stringify(frame)),
    /** The first frame of this type, and of this operation when one is named. */
    frame: (type: string, id?: string) =>
      until(
        () => frames.find((each) => each.type === type && (id === undefined || each.id === id)),
        `no ${type} ${id ?? ''}`,
      ),
    /** The first frame of this operation. */
    any: (id: string) => until(() => frames.find((each) => each.id === id), `nothing for ${id}`),
    of: (id: string) => frames.filter((each) => each.id === id),
    async init(payload?: unknown) {
      await opened;
      socket.send({ type: 'connection_init', ...(payload === undefined ? {} : { payload }) });
      return (await socket.frame('connection_ack')).payload as unknown as Record<string, never>;
    },
    subscribe(id: string, query: string, variables: Record<string, unknown> = {}, operationName?: string) {
      socket.send({ type: 'subscribe', id, payload: { query, variables, operationName } });
    },
  };
  onTestFinished(() => ws.terminate());
  return socket;
}
