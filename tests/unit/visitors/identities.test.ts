import { expect, it, vi } from 'vitest';
import { unavailable } from '../../../src/lib/coded-error.js';
import { systemIds } from '../../../src/lib/ids.js';
import { silentLogger } from '../../../src/lib/logger.js';
import type { RateLimit, RateLimits } from '../../../src/limits/rate-limits.js';
import { createMemoryPubSub } from '../../../src/pubsub/pubsub.memory.js';
import { createViewer, nameFromId } from '../../../src/visitors/visitor.js';
import type { VisitorRecord } from '../../../src/visitors/visitor-store.js';
import { createVisitorService } from '../../../src/visitors/visitor-service.js';
import { idFromSubject } from '../../../src/visitors/visitor-token.js';
import { createManualClock } from '../../testkit/manual-clock.js';

const BORN = Date.UTC(2026, 0, 5);
/** An id that tells when it was made, and one that does not. */
const TIMED_ID = `${BORN.toString(16)
  .padStart(12, '0')
  .replace(/^(.{8})/, '$1-')}-7000-8000-000000000001`;
const PLAIN_ID = 'ann';
const LIFE_MS = 1000;
const MAX_NAME_LENGTH = 40;
const patient = { timeout: 20_000 };
const { signal } = new AbortController();

function world({ hostIdentifies = false } = {}) {
  const clock = createManualClock();
  const records = new Map<string, VisitorRecord>();
  /** What was written to the store, in order. */
  const writes: string[] = [];
  const drawn: string[] = [];
  const refused = new Set<RateLimit>();
  const state = { failure: null as Error | null, id: TIMED_ID };
  const term = () => ({
    issuedAt: new Date(clock.now()),
    expiresAt: new Date(clock.now() + LIFE_MS),
    inForce: () => true,
  });
  const terms = new Map<string, ReturnType<typeof term>>();
  const pubsub = createMemoryPubSub({ log: silentLogger });
  const visitors = createVisitorService({
    store: {
      async byIds(ids) {
        if (state.failure !== null) throw state.failure;
        return ids.flatMap((id) => records.get(id) ?? []);
      },
      async ensure(record) {
        if (state.failure !== null) throw state.failure;
        writes.push(`ensure ${record.id} ${record.displayName}`);
        if (!records.has(record.id)) records.set(record.id, record);
      },
      async rename(record) {
        if (state.failure !== null) throw state.failure;
        writes.push(`rename ${record.id} ${record.displayName}`);
        records.set(record.id, record);
      },
    },
    tokens: {
      async sign(subject) {
        const token = `${subject} ${clock.now()}`;
        terms.set(token, term());
        return { token, ...term() };
      },
      verify: async (token) => ({ subject: token.split(' ')[0] ?? '', ...terms.get(token)! }),
    },
    pubsub,
    limits: {
      async consume(limit: RateLimit, key: string) {
        drawn.push(`${limit} ${key}`);
        return refused.has(limit) ? 1500 : null;
      },
    } as unknown as RateLimits,
    clock,
    ids: { ...systemIds, uuid: () => state.id },
    maxDisplayNameLength: MAX_NAME_LENGTH,
    hostIdentifies,
  });
  return { clock, records, writes, drawn, refused, state, pubsub, visitors };
}

const made = (id: string) => nameFromId(id, MAX_NAME_LENGTH);
const viewer = createViewer(PLAIN_ID, BORN);

it('a new visitor is stored only when it chose a name, and was made when its id says', async () => {
  const { clock, visitors, writes, drawn, state } = world();
  const unnamed = await visitors.create(null, '192.0.2.1', signal);
  expect(unnamed).toMatchObject({ value: { visitor: { id: TIMED_ID, displayName: made(TIMED_ID) } } });
  expect(writes).toEqual([]);
  const named = await visitors.create('  Ada Byron ', '192.0.2.1', signal);
  expect(named).toMatchObject({
    value: { viewer: { createdAt: new Date(BORN) }, visitor: { displayName: 'Ada Byron' } },
  });
  expect(writes).toEqual([`rename ${TIMED_ID} Ada Byron`]);
  expect(drawn).toEqual(['createVisitorPerAddress 192.0.2.1', 'createVisitorPerAddress 192.0.2.1']);
  state.id = PLAIN_ID;
  const now = new Date(clock.now());
  expect(await visitors.create(null, 'a', signal)).toMatchObject({ value: { viewer: { createdAt: now } } });
});

it('a name that is none, and an address with too many new visitors, are refused and store nothing', async () => {
  const { visitors, writes, drawn, refused } = world();
  for (const answer of [
    await visitors.create(' ', 'a', signal),
    await visitors.rename(viewer, 'x'.repeat(41), signal),
  ]) {
    expect(answer).toMatchObject({ problems: [{ field: 'displayName' }] });
  }
  expect(drawn).toEqual([]);
  refused.add('createVisitorPerAddress').add('queryPerCaller');
  const limited = { problems: [{ code: 'RATE_LIMITED', retryAfterMs: 1500 }] };
  expect(await visitors.create('Ada', 'a', signal)).toMatchObject(limited);
  expect(await visitors.rename(viewer, 'Ada', signal)).toMatchObject(limited);
  expect(await visitors.renew(viewer, signal)).toMatchObject(limited);
  expect(writes).toEqual([]);
});

it('gives a fresh token at half of the life of the old one, not before', async () => {
  const { clock, visitors } = world();
  const created = await visitors.renew(viewer, signal);
  const { token } = (created as { value: { token: string } }).value;
  await clock.advance(LIFE_MS / 2 - 1);
  expect(await visitors.authenticate(token)).toMatchObject({ viewer: { id: PLAIN_ID }, renewed: null });
  await clock.advance(1);
  const { viewer: known, renewed } = await visitors.authenticate(token);
  expect(renewed?.token).toBe(`${PLAIN_ID} ${clock.now()}`);
  // An id that tells no time is as old as its token.
  expect(known.createdAt.getTime()).toBe(clock.now() - LIFE_MS / 2);
  const timed = await visitors.renew(createViewer(TIMED_ID, 0), signal);
  const { token: other } = (timed as { value: { token: string } }).value;
  expect((await visitors.authenticate(other)).viewer.createdAt).toEqual(new Date(BORN));
});

it('a visitor is stored once, before its first write, and not again once it was read or named', async () => {
  const { visitors, writes, state, records } = world();
  state.failure = unavailable();
  await expect(visitors.ensure(viewer, signal)).rejects.toBe(state.failure);
  state.failure = null;
  await visitors.ensure(viewer, signal);
  await visitors.ensure(viewer, signal);
  expect(writes.splice(0)).toEqual([`ensure ${PLAIN_ID} null`]);
  records.set('read', { id: 'read', createdAt: new Date(BORN), displayName: null });
  expect((await visitors.self(createViewer('read', BORN), signal)).displayName).toBe(made('read'));
  await visitors.ensure(createViewer('read', BORN), signal);
  await visitors.rename(createViewer('named', BORN), 'Ada', signal);
  await visitors.ensure(createViewer('named', BORN), signal);
  expect(writes).toEqual(['rename named Ada']);
});

it('a visitor that is not stored goes by the name made from its id, and one renamed here by its new one', async () => {
  const { visitors, state } = world();
  expect((await visitors.self(viewer, signal)).displayName).toBe(made(PLAIN_ID));
  expect(visitors.cached(PLAIN_ID)).toBeUndefined();
  const unnamed = { displayName: made(TIMED_ID), createdAt: new Date(BORN) };
  expect(visitors.unnamed(TIMED_ID)).toMatchObject(unnamed);
  expect(visitors.unnamed(PLAIN_ID).createdAt.getTime()).toBe(0);
  await visitors.rename(viewer, 'Ada', signal);
  expect(await visitors.byIds([PLAIN_ID], signal)).toEqual(new Map([[PLAIN_ID, visitors.cached(PLAIN_ID)]]));
  expect(visitors.cached(PLAIN_ID)).toEqual({ id: PLAIN_ID, createdAt: new Date(BORN), displayName: 'Ada' });
  await visitors.rename(createViewer('other', BORN), 'Kim', signal);
  state.failure = unavailable();
  expect((await visitors.self(createViewer('other', BORN), signal)).displayName).toBe('Kim');
});

it('a fault of the store that is no absence is told, whatever is known', async () => {
  const { visitors, state } = world();
  await visitors.rename(viewer, 'Ada', signal);
  state.failure = new Error('a fault');
  await expect(visitors.byIds([PLAIN_ID], signal)).rejects.toBe(state.failure);
  await expect(visitors.rename(viewer, 'Kim', signal)).rejects.toBe(state.failure);
  await expect(visitors.identify('subject', null, signal)).rejects.toBe(state.failure);
});

it('tells of a rename here and on other instances, until it is stopped', async () => {
  const { visitors, pubsub } = world();
  const announced = vi.fn();
  pubsub.subscribe('visitorRenamed', 'all', announced);
  const [heard, left]: [string[], string[]] = [[], []];
  visitors.onRenamed((id) => heard.push(id));
  const leave = visitors.onRenamed((id) => left.push(id));
  await visitors.rename(viewer, 'Ada', signal);
  expect(heard).toContain(PLAIN_ID);
  await vi.waitFor(
    () => expect(announced).toHaveBeenCalledWith({ visitorId: PLAIN_ID, displayName: 'Ada' }),
    patient,
  );
  leave();
  pubsub.publish('visitorRenamed', 'all', { visitorId: 'other', displayName: 'Kim' });
  await vi.waitFor(() => expect(heard).toContain('other'), patient);
  expect(left).not.toContain('other');
  // Also while nothing is carried to other instances, nor back.
  const publish = vi.spyOn(pubsub, 'publish').mockImplementation(() => undefined);
  await visitors.rename(createViewer('alone', BORN), 'Kim', signal);
  expect(heard).toContain('alone');
  publish.mockRestore();
  visitors.stop();
  pubsub.publish('visitorRenamed', 'all', { visitorId: 'late', displayName: 'Kim' });
  await vi.waitFor(
    () => expect(announced).toHaveBeenCalledWith({ visitorId: 'late', displayName: 'Kim' }),
    patient,
  );
  expect(heard).not.toContain('late');
});

it('whom a host names is stored at first sight, by a name that may be one, and is given no token', async () => {
  const { visitors, writes } = world({ hostIdentifies: true });
  for (const name of [' Ada Byron ', 'Countess']) {
    expect(await visitors.identify('subject', name, signal)).toMatchObject({ term: null, renewed: null });
  }
  await visitors.identify('too long', 'x'.repeat(41), signal);
  const { viewer: nameless } = await visitors.identify('nameless', null, signal);
  expect(writes).toEqual([
    `ensure ${idFromSubject('subject')} Ada Byron`,
    `ensure ${idFromSubject('too long')} null`,
    `ensure ${idFromSubject('nameless')} null`,
  ]);
  const forbidden = { problems: [{ code: 'FORBIDDEN' }] };
  expect(await visitors.create(null, 'a', signal)).toMatchObject(forbidden);
  expect(await visitors.renew(nameless, signal)).toMatchObject(forbidden);
});
