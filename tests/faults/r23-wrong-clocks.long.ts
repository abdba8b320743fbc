import { afterEach, describe, expect, it, vi } from 'vitest';
import { startCluster } from '../testkit/cluster.js';
import { ask, request } from '../testkit/graphql-client.js';
import { createRoom, createVisitor } from '../testkit/seed.js';
import { programPath } from '../testkit/services/index.js';
import { partOf, say, sleep } from './scenario.js';
import { setStage } from './stage.js';

const SECOND_MS = 1000;
/** By how much the clocks of the three instances are wrong. */
const WRONG_S = [0, 600, -600];
/** Shorter than the clocks differ. */
const LIFETIME_S = 300;
const WAIT = { timeout: 60_000, interval: 100 };

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

/** Settings that set the wall clock of an instance wrong, and that one alone. */
async function wrongClocks(): Promise<(index: number) => Record<string, string>> {
  const library = await programPath('faketime');
  return (index): Record<string, string> => {
    const seconds = WRONG_S[index] ?? 0;
    if (seconds === 0) return {};
    return {
      LD_PRELOAD: library,
      FAKETIME: `${seconds < 0 ? '' : '+'}${seconds}s`,
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
    };
  };
}

const VISIT = 'mutation ($room: ID!) { visitRoom(input: { roomId: $room }) { userErrors { code } } }';
const COUNT = 'query ($room: ID!) { room(id: $room) { recentVisitorCount } }';
const VIEWER = '{ viewer { id } }';

describe('R23', () => {
  it('clocks are ten minutes wrong in both directions: nothing is lost, and counts are exact', async () => {
    const stage = await setStage({ envOf: await wrongClocks(), env: { RANKING_INTERVAL_MS: '200' } });
    closers.push(stage.close);
    const urls = stage.targets.map((target) => target());
    const dates = await Promise.all(
      urls.map(async (url) => Date.parse((await fetch(`${url}/livez`)).headers.get('date') ?? '')),
    );
    // The clocks are really wrong: by about ten minutes each.
    const minutes = dates.map((date) => Math.round((date - Date.now()) / 60_000));
    expect(minutes.join(' ')).toBe('0 10 -10');
    const host = await createVisitor(urls[0] ?? '');
    const room = await createRoom(urls[0] ?? '', host);
    const visitors = partOf(60);
    for (let index = 0; index < visitors; index += 1) {
      const visitor = await createVisitor(urls[index % 3] ?? '');
      for (const url of [urls[index % 3], urls[(index + 1) % 3]])
        await ask(url ?? '', VISIT, { room }, { token: visitor.token });
    }
    await sleep(partOf(60) * SECOND_MS);
    const seen: number[] = [];
    await vi.waitFor(async () => {
      seen.length = 0;
      for (const url of urls) {
        const answer = await ask<{ room: { recentVisitorCount: number } }>(url, COUNT, { room });
        seen.push(answer.room.recentVisitorCount);
      }
      expect(seen).toEqual(urls.map(() => visitors + 1));
    }, WAIT);
    await stage.finish('R23', `clocks ${WRONG_S.join(', ')} s wrong`, {
      notes: () => `${visitors + 1} visitors of a room counted as ${seen.join(', ')}`,
    });
  });

  it('each instance judges tokens by its own clock', async () => {
    const cluster = await startCluster('distributed', {
      instances: WRONG_S.length,
      envOf: await wrongClocks(),
      env: { TOKEN_LIFETIME_SECONDS: String(LIFETIME_S) },
    });
    closers.push(cluster.close);
    const urls = cluster.targets.map((target) => target());
    const verdicts: string[] = [];
    for (const [maker, made] of urls.entries()) {
      const { token } = await createVisitor(made);
      for (const [judge, url] of urls.entries()) {
        const { errors } = await request(url, VIEWER, {}, { token });
        const code = errors[0]?.extensions?.code ?? 'accepted';
        const isOver = (WRONG_S[judge] ?? 0) - (WRONG_S[maker] ?? 0) > LIFETIME_S;
        verdicts.push(`${WRONG_S[maker]} s by ${WRONG_S[judge]} s: ${code}`);
        expect([maker, judge, code]).toEqual([maker, judge, isOver ? 'UNAUTHENTICATED' : 'accepted']);
      }
    }
    say(`R23: tokens judged by each instance's own clock: ${verdicts.join(', ')}`);
  });
});
