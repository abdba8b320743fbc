import { expect, it, onTestFinished, vi } from 'vitest';
import { silentLogger } from '../../src/lib/logger.js';
import {
  type Beat,
  FIRST_HEAL_MS,
  HEAL_MS,
  ONLINE_MS,
  SNAPSHOT_MS,
  type Touch,
} from '../../src/presence/presence-store.js';
import { createRedisPresenceStore } from '../../src/presence/presence-store.redis.js';
import { redisForTests, startRedis } from '../testkit/services/index.js';
import { onTestClock, patientRedis } from '../testkit/presence-clock.js';
import type { RedisConnection } from '../../src/redis/connection.js';
import { describePresenceStore } from './presence-store.suite.js';

/** A server of its own, with other settings than those of the tests that share one. */
async function ownServer() {
  const { url, close } = await startRedis();
  return { url, prefix: 'own', dispose: close };
}

async function open(server = redisForTests) {
  const { dispose, ...test } = await server();
  const redis = await patientRedis(test);
  const windowMs = 1_800_000;
  const intervalMs = 1000;
  const clock = await onTestClock(redis);
  return {
    redis,
    store: createRedisPresenceStore({ redis, log: silentLogger, windowMs, intervalMs, script: clock.script }),
    windowMs,
    intervalMs,
    now: clock.now,
    advance: clock.advance,
    async close() {
      await redis.stop();
      await dispose();
    },
  };
}

describePresenceStore('Redis', () => open());

it('RANK-1: a list that was lost while nobody was there is taken anew, though nothing changed', async () => {
  const { store, redis, intervalMs, now, advance, close } = await open();
  onTestFinished(close);
  const { epoch, now: loadedAt } = await store.beat('instance');
  await store.fulfilled('instance', epoch, 'load', loadedAt);
  await store.raise([{ roomId: 'r', number: 1, at: now() }]);
  expect(await store.tick(epoch, 0)).toMatchObject({ revision: 1 });
  // As it expires when no instance runs for a day.
  await redis.commands.del(redis.key(`rev:${epoch}:1`));
  expect(await store.snapshot(epoch, 1)).toBe(null);
  await advance(intervalMs);
  const { taken } = await store.tick(epoch, 1);
  expect(taken?.rooms.map(({ roomId }) => roomId)).toEqual(['r']);
});

it('RANK-3: in another Redis than before nobody is online, the list is loaded anew, and visits stay', async () => {
  const { store, redis, now, advance, close } = await open();
  onTestFinished(close);
  const old = await store.beat('instance');
  await store.fulfilled('instance', old.epoch, 'load', old.now);
  await store.touch('instance', [{ kind: 'join', roomId: 'r', visitorId: 'v', at: now() }]);
  await store.raise([{ roomId: 'r', number: 3, at: now() }]);
  expect(await store.tick(old.epoch, 0)).toMatchObject({ revision: 1, taken: { revision: 1 } });
  await advance(1);

  // Of a replica that was promoted, or a copy that was read from disk.
  await redis.commands.hset(redis.key('meta'), 'run', 'another');
  expect(await store.tick(old.epoch, 1)).toMatchObject({ revision: 0, taken: null });
  const { epoch, loaded, duty } = await store.beat('instance');
  expect([loaded, duty]).toEqual([false, { kind: 'load', healedAt: null }]);
  expect(epoch).not.toBe(old.epoch);
  const room = { roomId: 'r', recentVisitorCount: 1, messageCount: 3 };
  expect(await store.counts(['r'])).toMatchObject({
    loaded: false,
    rooms: new Map([['r', { ...room, onlineCount: 0 }]]),
  });
  await store.touch('instance', [{ kind: 'join', roomId: 'r', visitorId: 'v', at: now() }]);
  expect(await store.tick(epoch, 0)).toMatchObject({ taken: null });
  expect(await store.fulfilled('instance', epoch, 'load', now())).toBe(true);
  expect(await store.tick(epoch, 0)).toMatchObject({
    epoch,
    revision: 1,
    taken: { rooms: [{ ...room, onlineCount: 1 }] },
  });
  // Nobody will take one after the last of the epoch before, so it is kept as one that was replaced.
  expect(await redis.commands.pttl(redis.key(`rev:${old.epoch}:1`))).toBeLessThanOrEqual(SNAPSHOT_MS);
});

it('lets another instance load when Redis is another one while one of them loads, and keeps the visits', async () => {
  const { store, redis, now, close } = await open();
  onTestFinished(close);
  const { epoch } = await store.beat('instance');
  await store.touch('instance', [{ kind: 'visit', roomId: 'r', visitorId: 'v', at: now() }]);
  await redis.commands.hset(redis.key('meta'), 'run', 'another');
  expect((await store.beat('other')).duty?.kind).toBe('load');
  expect(await store.loading('instance', epoch)).toBe(false);
  expect(await store.fulfilled('instance', epoch, 'load', 0)).toBe(false);
  expect((await store.counts(['r'])).rooms.get('r')?.recentVisitorCount).toBe(1);
});

it("RANK-3: all is loaded anew when Redis' clock was set back, and no visit lasts longer for it", async () => {
  const { store, windowMs, intervalMs, now, advance, close } = await open();
  onTestFinished(close);
  const old = await store.beat('instance');
  await store.fulfilled('instance', old.epoch, 'load', old.now);
  await store.touch('dead', [{ kind: 'join', roomId: 'r', visitorId: 'v', at: now() }]);
  await store.raise([{ roomId: 'r', number: 3, at: now() }]);
  expect(await store.tick(old.epoch, 0)).toMatchObject({ revision: 1 });
  await advance(-3_600_000);

  const { epoch, duty, now: begun } = await store.beat('instance');
  expect([epoch === old.epoch, duty?.kind]).toEqual([false, 'load']);
  await store.raise([{ roomId: 'r', number: 3, at: now() }]);
  await store.touch('instance', [{ kind: 'visit', roomId: 'r', visitorId: 'v', at: now() - 1000 }]);
  expect(await store.fulfilled('instance', epoch, 'load', begun)).toBe(true);
  expect(await store.tick(epoch, 0)).toMatchObject({
    taken: { rooms: [{ roomId: 'r', recentVisitorCount: 1, onlineCount: 0, messageCount: 3 }] },
  });
  await advance(FIRST_HEAL_MS);
  expect((await store.beat('instance')).duty).toEqual({ kind: 'heal', healedAt: begun });
  await advance(windowMs - intervalMs - FIRST_HEAL_MS);
  expect((await store.counts(['r'])).rooms.get('r')?.recentVisitorCount).toBe(0);
});

it('RANK-3: begins a new epoch for who was told that its own is over, once', async () => {
  const { store, now, advance, close } = await open();
  onTestFinished(close);
  const { epoch, now: begun } = await store.beat('instance');
  await store.fulfilled('instance', epoch, 'load', begun);
  await store.touch('other', [{ kind: 'join', roomId: 'r', visitorId: 'v', at: now() }]);
  await advance(1000);
  expect(await store.beat('instance', 'of another one')).toMatchObject({ epoch, loaded: true });

  const anew = await store.beat('instance', epoch);
  expect(anew).toMatchObject({ loaded: false, duty: { kind: 'load' } });
  expect(anew.epoch).not.toBe(epoch);
  expect(await store.beat('other', epoch)).toMatchObject({ epoch: anew.epoch, duty: null });
  const room = { roomId: 'r', recentVisitorCount: 1, onlineCount: 0, messageCount: 0 };
  expect((await store.counts(['r'])).rooms.get('r')).toEqual(room);
});

it('RANK-3: visits stay when the clock is set by less than a minute', async () => {
  const { store, now, advance, close } = await open();
  onTestFinished(close);
  const { epoch, now: begun } = await store.beat('instance');
  await store.fulfilled('instance', epoch, 'load', begun);
  await advance(FIRST_HEAL_MS);
  expect((await store.beat('instance')).duty?.kind).toBe('heal');
  await store.touch('instance', [{ kind: 'join', roomId: 'r', visitorId: 'v', at: now() }]);
  await advance(-59_000);
  expect(await store.beat('instance')).toMatchObject({ epoch, loaded: true, duty: null });
  expect((await store.counts(['r'])).rooms.get('r')?.onlineCount).toBe(1);
});

it.each([
  { late: 'leave', next: 'join', online: 1, why: 'somebody who has come back stays online' },
  { late: 'join', next: 'leave', online: 0, why: 'somebody who has left does not come online' },
] as const)(
  'RANK-3: a $late that was held up on its way and comes behind the $next is a visit: $why',
  async ({ late, next, online }) => {
    const { store, redis, now, advance, close } = await open();
    onTestFinished(close);
    const touch = (kind: Touch['kind']) =>
      store.touch('instance', [{ kind, roomId: 'r', visitorId: 'v', at: now() }]);
    await touch(next);
    const script = vi.spyOn(redis.commands, 'madangPresence');
    script.mockImplementationOnce(() => Promise.reject(new Error('Command timed out')));
    await expect(touch(late)).rejects.toThrow('Command timed out');
    const [heldUp = []] = script.mock.calls;
    await advance(1000);
    await touch(next);
    await redis.commands.madangPresence(...heldUp);
    const room = { roomId: 'r', recentVisitorCount: 1, onlineCount: online, messageCount: 0 };
    expect((await store.counts(['r'])).rooms.get('r')).toEqual(room);
    // One that knows nothing of it goes on.
    await store.touch('other', [{ kind: 'join', roomId: 'r', visitorId: 'w', at: now() }]);
    expect((await store.counts(['r'])).rooms.get('r')?.onlineCount).toBe(online + 1);
  },
);

/** Counts one more key as evicted, as under this policy. Only keys that have an end are evicted, and it alone has one. */
async function evict({ commands }: RedisConnection, policy: string): Promise<void> {
  await commands.set('filler', 'x', 'EX', 3600);
  await commands.config('SET', 'maxmemory-policy', 'volatile-ttl');
  await commands.config('SET', 'maxmemory', '1');
  expect(await commands.set('other', 'x').catch(String)).toContain('OOM');
  await commands.config('SET', 'maxmemory', '0');
  await commands.config('SET', 'maxmemory-policy', policy);
  expect(await commands.exists('filler')).toBe(0);
}

it.each(['exp', 'rank', 'online', 'present', 'number', 'meta'])(
  'RANK-1: all is loaded anew at the next healing when Redis evicted something, such as %s',
  async (name) => {
    const { store, redis, windowMs, now, advance, close } = await open(ownServer);
    onTestFinished(close);
    const tell = async (): Promise<void> => {
      await store.raise([{ roomId: 'r', number: 3, at: now() }]);
      await store.touch('instance', [{ kind: 'join', roomId: 'r', visitorId: 'v', at: now() }]);
      await store.touch('instance', [{ kind: 'visit', roomId: 'r', visitorId: 'w', at: now() }]);
    };
    const fill = async ({ epoch, duty, now: begun }: Beat) => {
      expect(duty?.kind).toBe('load');
      await tell();
      await store.fulfilled('instance', epoch, 'load', begun);
      return epoch;
    };
    const old = await fill(await store.beat('instance'));
    await advance(HEAL_MS);
    await evict(redis, 'noeviction');
    await redis.commands.del(redis.key(name));
    // The clock of the test is a field of it.
    await advance(0);
    // Those who stay are told again, whatever is left.
    await store.touch('instance', [{ kind: 'join', roomId: 'r', visitorId: 'v', at: now() }]);

    const noticed = await store.beat('instance');
    expect(noticed).toMatchObject({ loaded: false });
    expect(noticed.epoch).not.toBe(old);
    await fill(noticed.duty === null ? await store.beat('instance') : noticed);
    const room = { roomId: 'r', recentVisitorCount: 2, onlineCount: 1, messageCount: 3 };
    expect(await store.counts(['r'])).toMatchObject({ loaded: true, rooms: new Map([['r', room]]) });
    await store.touch('instance', [{ kind: 'leave', roomId: 'r', visitorId: 'v', at: now() }]);
    expect((await store.counts(['r'])).rooms.get('r')?.onlineCount).toBe(0);
    await advance(windowMs);
    expect((await store.counts(['r'])).rooms.get('r')?.recentVisitorCount).toBe(0);
  },
);

it('is filled anew once a minute while Redis evicts, and not because it evicts what has an end', async () => {
  const { store, redis, advance, close } = await open(ownServer);
  onTestFinished(close);
  const { epoch, now: begun } = await store.beat('instance');
  await store.fulfilled('instance', epoch, 'load', begun);
  await evict(redis, 'allkeys-lru');
  await advance(FIRST_HEAL_MS);
  expect(await store.beat('instance')).toMatchObject({ epoch, loaded: true, duty: { kind: 'heal' } });
  await redis.commands.config('SET', 'maxmemory-policy', 'volatile-ttl');
  await advance(HEAL_MS);
  expect(await store.beat('instance')).toMatchObject({ epoch, loaded: true, duty: { kind: 'heal' } });
  await redis.commands.config('SET', 'maxmemory-policy', 'allkeys-lru');
  await advance(HEAL_MS);
  expect(await store.beat('instance')).toMatchObject({ loaded: false });
});

it('lets another instance load when the clock was set back under one that died', async () => {
  const { store, advance, close } = await open();
  onTestFinished(close);
  expect((await store.beat('dead')).duty?.kind).toBe('load');
  await advance(-3_600_000);
  expect((await store.beat('instance')).duty?.kind).toBe('load');
});

it('CURSOR-5: keeps the newest snapshot for a day, and each for two minutes after the next one', async () => {
  const { store, redis, intervalMs, now, advance, close } = await open();
  onTestFinished(close);
  const { epoch, now: begun } = await store.beat('instance');
  await store.fulfilled('instance', epoch, 'load', begun);
  const leftOf = (revision: number) => redis.commands.pttl(redis.key(`rev:${epoch}:${revision}`));
  for (let number = 1; number <= 2; number += 1) {
    await store.raise([{ roomId: 'r', number, at: now() }]);
    await store.tick(epoch, number - 1);
    expect(await leftOf(number)).toBeGreaterThan(SNAPSHOT_MS);
    await advance(intervalMs);
  }
  const left = await leftOf(1);
  expect(left).toBeLessThanOrEqual(SNAPSHOT_MS);
  expect(left).toBeGreaterThan(SNAPSHOT_MS / 2);
});

it('keeps nothing in Redis of visits that ended but the rooms', async () => {
  const { store, redis, windowMs, now, advance, close } = await open();
  onTestFinished(close);
  const touch = (kind: 'join' | 'leave' | 'visit', visitorId: string) =>
    ({ kind, roomId: 'r', visitorId, at: now() }) as const;
  await store.touch('one', [touch('join', 'v'), touch('join', 'w'), touch('join', 'x'), touch('visit', 'y')]);
  await store.touch('other', [touch('join', 'v'), touch('join', 'x')]);
  await store.touch('one', [touch('leave', 'v'), touch('leave', 'w')]);
  await store.touch('other', [touch('leave', 'v')]);
  await advance(ONLINE_MS);
  await store.counts(['r']);
  expect(await redis.commands.exists(redis.key('online'), redis.key('present'))).toBe(0);
  await advance(windowMs);
  await store.counts(['r']);
  expect(await redis.commands.exists(redis.key('exp'))).toBe(0);
  expect(await redis.commands.zrange(redis.key('rank'), 0, -1)).toEqual(['r']);
});
