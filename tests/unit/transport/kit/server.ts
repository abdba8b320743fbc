import { request as httpRequest } from 'node:http';
import { connect } from 'node:net';
import { onTestFinished } from 'vitest';
import { WebSocket, type ClientOptions } from 'ws';
import type { Services } from '../../../../src/context.ts';
import { CodedError } from '../../../../src/lib/coded-error.ts';
import { refuse, succeed } from '../../../../src/lib/problem.ts';
import { systemClock } from '../../../../src/lib/clock.ts';
import { systemIds } from '../../../../src/lib/ids.ts';
import { silentLogger } from '../../../../src/lib/logger.ts';
import { createMetrics } from '../../../../src/lib/metrics.ts';
import { createTransport, type TransportOptions } from '../../../../src/transport/transport.ts';
import { createWorld } from '../../graphql/kit/world.ts';

/** Visitors whose tokens are their ids behind `token-`, and that end when `expiresAt` says. */
function fakeVisitors(state: { refuseNew: boolean; expiresInMs: number; renew: boolean }) {
  let count = 0;
  const visitor = (id: string) => ({ id, createdAt: new Date(0), displayName: `Name of ${id}` });
  const expiresAt = () => new Date(Date.now() + state.expiresInMs);
  return {
    async create() {
      if (state.refuseNew) return refuse({ code: 'RATE_LIMITED', message: 'Too many.', retryAfterMs: 1000 });
      count += 1;
      const id = `new-${count}`;
      return succeed({
        viewer: visitor(id),
        visitor: visitor(id),
        token: `token-${id}`,
        expiresAt: expiresAt(),
      });
    },
    async authenticate(token: string) {
      if (!/^token-./.test(token)) throw new CodedError('UNAUTHENTICATED', 'The token is not valid.');
      const id = token.slice('token-'.length);
      const renewed = state.renew ? { token: `${token}-again`, expiresAt: new Date(Date.now() + 1e9) } : null;
      return { viewer: visitor(id), expiresAt: expiresAt(), renewed };
    },
    identify: async (subject: string) => ({
      viewer: visitor(`host-${subject}`),
      expiresAt: null,
      renewed: null,
    }),
    self: async ({ id }: { id: string }) => visitor(id),
    unnamed: visitor,
  };
}

const limitState = () => ({ refuse: new Map<string, number>() });

/** The real transport over the small schema of the graphql tests, on a free port; closed when the test ends. */
export async function startServer(
  options: Partial<TransportOptions> & { ring?: number; maxReplayed?: number } = {},
) {
  const visitors = { refuseNew: false, expiresInMs: 1e9, renew: false };
  const limits = limitState();
  const health = { ready: true, details: { redis: 'ok' } };
  const load = { retryAfterMs: null as number | null };
  const services = {
    visitors: fakeVisitors(visitors),
    limits: { consume: async (limit: string) => limits.refuse.get(limit) ?? null },
  } as unknown as Services;
  const metrics = createMetrics({ version: 'test' });
  const profile = options.profile ?? 'public';
  const clock = options.clock ?? systemClock;
  const world = createWorld({
    services,
    profile,
    metrics,
    clock,
    ...(options.ring === undefined ? {} : { ring: options.ring }),
    ...(options.maxReplayed === undefined ? {} : { maxReplayed: options.maxReplayed }),
  });
  const transport = createTransport({
    operations: world.operations,
    schema: world.schema,
    services,
    clock,
    ids: systemIds,
    log: silentLogger,
    metrics,
    basePath: '',
    profile,
    allowedOrigins: null,
    trustProxyHops: 0,
    maxSockets: 1000,
    maxSocketsPerAddress: 1000,
    maxOperationsPerSocket: 50,
    clientFolder: '/nowhere',
    health: () => health,
    overloaded: () => load.retryAfterMs,
    ...options,
  });
  transport.start();
  const port = options.server === undefined ? await transport.listen(0, '127.0.0.1') : 0;
  onTestFinished(() => transport.drain({ delayMs: 0, windowMs: 0 }));
  const base = `http://127.0.0.1:${port}${options.basePath ?? ''}`;
  return { ...world, transport, port, base, url: `${base}/graphql`, visitors, limits, health, load, metrics };
}

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
