import { getHeapStatistics } from 'node:v8';
import { onTestFinished } from 'vitest';
import type { Services } from '../../../../src/context.ts';
import { CodedError } from '../../../../src/lib/coded-error.ts';
import { refuse, succeed } from '../../../../src/lib/problem.ts';
import { systemClock } from '../../../../src/lib/clock.ts';
import { systemIds } from '../../../../src/lib/ids.ts';
import { silentLogger } from '../../../../src/lib/logger.ts';
import type { Window } from '../../../../src/limits/rate-limits.ts';
import { createMetrics } from '../../../../src/lib/metrics.ts';
import { createTransport, type TransportOptions } from '../../../../src/transport/transport.ts';
import { createWorld } from '../../graphql/kit/world.ts';

/** Visitors whose tokens are their ids behind `token-`, and that end when `expiresAt` says. */
function fakeVisitors(state: { refuseNew: boolean; expiresInMs: number; renew: boolean }) {
  let count = 0;
  const visitor = (id: string) => ({ id, createdAt: new Date(0), displayName: `Name of ${id}` });
  const expiresAt = () => new Date(Date.now() + state.expiresInMs);
  const inForce = () => true;
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
        inForce,
      });
    },
    async authenticate(token: string) {
      if (!/^token-./.test(token)) throw new CodedError('UNAUTHENTICATED', 'The token is not valid.');
      const id = token.slice('token-'.length);
      const renewed = state.renew
        ? { token: `${token}-again`, expiresAt: new Date(Date.now() + 1e9), inForce }
        : null;
      return { viewer: visitor(id), term: { expiresAt: expiresAt(), inForce }, renewed };
    },
    identify: async (subject: string) => ({
      viewer: visitor(`host-${subject}`),
      term: null,
      renewed: null,
    }),
    self: async ({ id }: { id: string }) => visitor(id),
    unnamed: visitor,
  };
}

const limitState = () => ({ refuse: new Map<string, number>(), framesPerSocket: null as Window | null });

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
    limits: {
      consume: async (limit: string) => limits.refuse.get(limit) ?? null,
      get framesPerSocket() {
        return limits.framesPerSocket;
      },
    },
  } as unknown as Services;
  const metrics = createMetrics({ version: 'test' });
  const apiProfile = options.apiProfile ?? 'public';
  const clock = options.clock ?? systemClock;
  const world = createWorld({
    services,
    apiProfile,
    metrics,
    clock,
    ...(options.ring === undefined ? {} : { ring: options.ring }),
    ...(options.maxReplayed === undefined ? {} : { maxReplayed: options.maxReplayed }),
  });
  const transport = createTransport({
    operations: world.operations,
    services,
    clock,
    ids: systemIds,
    log: silentLogger,
    metrics,
    basePath: '',
    apiProfile,
    allowedOrigins: null,
    trustProxyHops: 0,
    maxSockets: 1000,
    maxSocketsPerAddress: 1000,
    maxOperationsPerSocket: 50,
    heapBytes: getHeapStatistics().heap_size_limit,
    clientFolder: '/nowhere',
    health: () => health,
    overload: {
      active: () => load.retryAfterMs !== null,
      admit: () => (load.retryAfterMs === null ? null : Promise.resolve(load.retryAfterMs)),
    },
    ...options,
  });
  transport.start();
  const port = options.server === undefined ? await transport.listen(0, '127.0.0.1') : 0;
  onTestFinished(async () => {
    await transport.drain({ delayMs: 0, windowMs: 0 });
    transport.stop();
  });
  const base = `http://127.0.0.1:${port}${options.basePath ?? ''}`;
  return { ...world, transport, port, base, url: `${base}/graphql`, visitors, limits, health, load, metrics };
}
