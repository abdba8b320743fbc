import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { serverAudits } from 'graphql-http';
import { describe, expect, it, onTestFinished } from 'vitest';
import { systemClock } from '../../src/lib/clock.ts';
import { systemIds } from '../../src/lib/ids.ts';
import { createMetrics } from '../../src/lib/metrics.ts';
import { silentLogger } from '../../src/lib/logger.ts';
import { createCallers } from '../../src/transport/caller.ts';
import { createHttpOperations } from '../../src/transport/http-operation.ts';
import { createPlaces } from '../../src/transport/places.js';
import { createStreamKeeper } from '../../src/transport/stream-keeper.js';
import { createUnread } from '../../src/transport/unread.ts';
import { createYogaHandler } from '../../src/transport/yoga.ts';
import { createWorld } from '../unit/graphql/kit/world.ts';
import { startServer } from '../unit/transport/kit/server.ts';

/** How many audits of GraphQL over HTTP there are in the pinned version. */
const AUDITS = 61;

async function audit(url: string): Promise<{ ok: number; others: string[] }> {
  const results = await Promise.all(serverAudits({ url, fetchFn: fetch }).map(({ fn }) => fn()));
  return {
    ok: results.filter(({ status }) => status === 'ok').length,
    others: results
      .filter(({ status }) => status !== 'ok')
      .map((result) => `${result.id} ${result.name}: ${'reason' in result ? result.reason : ''}`),
  };
}

describe('the audits of GraphQL over HTTP', () => {
  it('pass on this server, whose posts the front answers', async () => {
    const { url } = await startServer();
    expect(await audit(url)).toEqual({ ok: AUDITS, others: [] });
  });

  it('pass on the route of Yoga alone', async () => {
    const { operations, services } = createWorld();
    const common = { log: silentLogger, ids: systemIds };
    const callers = createCallers({
      visitors: services.visitors,
      clock: systemClock,
      log: silentLogger,
      metrics: createMetrics({ version: 'test' }),
      trustProxyHops: 0,
    });
    const http = createHttpOperations({
      operations,
      callers,
      limits: services.limits,
      clock: systemClock,
      apiProfile: 'public',
      ...common,
    });
    const yoga = createYogaHandler({
      operations,
      http,
      streamKeeper: createStreamKeeper({
        clock: systemClock,
        places: createPlaces({ maxSockets: 10, maxSocketsPerAddress: 10 }),
        refusing: () => false,
      }),
      unread: createUnread(Infinity),
      path: '/graphql',
      ...common,
    });
    const server = createServer((request, response) => void yoga(request, response));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void server.close());
    const { port } = server.address() as AddressInfo;
    expect(await audit(`http://127.0.0.1:${port}/graphql`)).toEqual({ ok: AUDITS, others: [] });
  });
});
