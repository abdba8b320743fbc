import { MongoClient, type Document } from 'mongodb';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { systemClock } from '../../src/lib/clock.js';
import { CodedError } from '../../src/lib/coded-error.js';
import { systemIds } from '../../src/lib/ids.js';
import { silentLogger, type Logger } from '../../src/lib/logger.js';
import type { MessageStore } from '../../src/messages/message-store.js';
import { createMongoMessageStore } from '../../src/messages/message-store.mongo.js';
import { openMongo, type Mongo } from '../../src/mongo/mongo.js';
import { claimAlone } from '../../src/mongo/sole-instance.js';
import { createMongoVisitJournal } from '../../src/presence/visit-journal.mongo.js';
import { createMongoRoomStore } from '../../src/rooms/room-store.mongo.js';
import { createMongoVisitorStore } from '../../src/visitors/visitor-store.mongo.js';
import { startMongo, withDriverRetries, type MongoServer } from '../testkit/services/index.js';
import { startReplyProxy } from './worlds/reply-proxy.js';

const DEADLINE_MS = 500;
const RECOVERY_MS = 30_000;
const HOUR_MS = 3_600_000;
const NOT_WRITABLE_PRIMARY = 10_107;
const UNAUTHORIZED = 13;
const LOBBY = { id: 'room', name: 'Lobby', nameKey: 'lobby', createdAt: new Date(0), creatorId: 'visitor' };
const soon = (): AbortSignal => AbortSignal.timeout(RECOVERY_MS);
const shortly = (): AbortSignal => AbortSignal.timeout(DEADLINE_MS);

/** A server of this file's own: it is paused, killed and told to fail. */
let server: MongoServer;
let control: MongoClient;
const cleanups: (() => unknown)[] = [];
beforeAll(async () => {
  server = await startMongo();
  control = new MongoClient(server.url('admin'));
});
afterEach(async () => {
  await server.resume();
  await server.start();
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});
afterAll(async () => {
  await control.close();
  await server.close();
});

async function open(options: { log?: Logger; signal?: AbortSignal; url?: string } = {}): Promise<Mongo> {
  const mongo = await openMongo({
    url: options.url ?? withDriverRetries(server.url(`faults-${systemIds.random64()}`)),
    keepVisitsMs: HOUR_MS,
    clock: systemClock,
    log: options.log ?? silentLogger,
    signal: options.signal ?? AbortSignal.timeout(60_000),
  });
  cleanups.push(() => mongo.stop());
  return mongo;
}

/** The server fails these commands until told otherwise, or `times` times. */
async function fail(commands: readonly string[], data: Document, times?: number): Promise<void> {
  const configureFailPoint = (mode: unknown): Promise<Document> =>
    control.db('admin').command({
      configureFailPoint: 'failCommand',
      mode,
      data: { failCommands: commands, ...data },
    });
  cleanups.push(() => configureFailPoint('off'));
  await configureFailPoint(times === undefined ? 'alwaysOn' : { times });
}

function message(logId: string, number: number) {
  const call = systemIds.random64();
  return { logId, number, authorId: 'author', key: `s:${call}`, call, text: 'hello', createdAt: new Date(0) };
}
const append = (store: MessageStore, batch: ReturnType<typeof message>[], signal = soon()) =>
  store.append(batch, store.session(), signal);

/** Every question of every store, with one deadline each. */
function everyQuestion(mongo: Mongo): Record<string, (signal: AbortSignal) => Promise<unknown>> {
  const messages = createMongoMessageStore({ mongo });
  const rooms = createMongoRoomStore({ mongo });
  const visitors = createMongoVisitorStore({ mongo });
  const journal = createMongoVisitJournal({ mongo });
  const id = systemIds.uuid();
  const at = new Date(0);
  const all = async (batches: AsyncIterable<unknown>): Promise<number> => {
    let count = 0;
    for await (const _batch of batches) count += 1;
    return count;
  };
  return {
    ping: (signal) => mongo.ping(signal),
    get: (signal) => messages.get([{ logId: id, number: 1 }], 'majority', signal),
    'get, linearizable': (signal) => messages.get([{ logId: id, number: 1 }], 'linearizable', signal),
    range: (signal) => messages.range(id, 0, 10, signal),
    byKey: (signal) => messages.byKey(id, id, 'c:key', null, signal),
    newest: (signal) => messages.newest(id, messages.session(), signal),
    firsts: (signal) => messages.firsts([id], 'majority', signal),
    'create room': (signal) =>
      rooms.create({ id, name: id, nameKey: id, createdAt: at, creatorId: id }, signal),
    byIds: (signal) => rooms.byIds([id], signal),
    byNameKey: (signal) => rooms.byNameKey(id, signal),
    older: (signal) => rooms.older(null, 10, new Set(), signal),
    raise: (signal) => rooms.raise([{ id, head: 1, activeAt: at }], signal),
    activities: (signal) => all(rooms.activities(null, signal)),
    ensure: (signal) => visitors.ensure({ id, createdAt: at, displayName: null }, signal),
    rename: (signal) => visitors.rename({ id, createdAt: at, displayName: 'Kim' }, signal),
    'visitors byIds': (signal) => visitors.byIds([id], signal),
    record: (signal) => journal.record([{ roomId: id, visitorId: id, ageMs: 0 }], signal),
    recent: (signal) => all(journal.recent(HOUR_MS, signal)),
  };
}

describe('MongoDB away', () => {
  test.each(['paused', 'killed'] as const)(
    'while it is %s every question is unavailable at its deadline and an append unknown; then all goes on',
    async (state) => {
      const mongo = await open();
      const store = createMongoMessageStore({ mongo });
      const questions = Object.entries(everyQuestion(mongo));
      await append(store, [message('log', 1)]);
      await (state === 'paused' ? server.pause() : server.kill());
      const asked = questions.map(([name, ask]) =>
        ask(shortly()).then(
          () => `${name}: answered`,
          (error: unknown) =>
            error instanceof CodedError && error.code === 'UNAVAILABLE'
              ? 'unavailable'
              : `${name}: ${String(error)}`,
        ),
      );
      expect(new Set(await Promise.all(asked))).toEqual(new Set(['unavailable']));
      expect(await append(store, [message('log', 2)], shortly())).toMatchObject({
        outcome: 'unknown',
        landed: 0,
      });

      await (state === 'paused' ? server.resume() : server.start());
      for (const [name, ask] of questions) {
        await vi
          .waitFor(() => ask(soon()), { timeout: RECOVERY_MS })
          .catch((error: unknown) => {
            throw new Error(`${name} did not recover`, { cause: error });
          });
      }
      expect((await store.range('log', 0, 1, soon())).map(({ number }) => number)).toEqual([1]);
      const newest = await store.newest('log', null, soon());
      expect(await append(store, [message('log', (newest?.number ?? 0) + 1)])).toMatchObject({ landed: 1 });
    },
  );

  test('kill -9 loses nothing acknowledged', async () => {
    const store = createMongoMessageStore({ mongo: await open() });
    const acknowledged: string[] = [];
    const killed = new AbortController();
    const writing = Promise.all(
      ['one', 'two', 'three', 'four'].map(async (logId) => {
        for (let number = 1; ; number += 1) {
          const { outcome } = await append(store, [message(logId, number)], killed.signal);
          if (outcome !== 'landed') return;
          acknowledged.push(`${logId} ${number}`);
        }
      }),
    );
    await expect.poll(() => acknowledged.length, { timeout: RECOVERY_MS }).toBeGreaterThan(200);
    await server.kill();
    killed.abort();
    await writing;
    await server.start();
    const stored = new Set<string>();
    for (const logId of ['one', 'two', 'three', 'four']) {
      const records = await store.range(logId, 0, acknowledged.length + 1, soon());
      expect(records.map(({ number }) => number)).toEqual(records.map((_, index) => index + 1));
      for (const { number } of records) stored.add(`${logId} ${number}`);
    }
    expect(acknowledged.filter((line) => !stored.has(line))).toEqual([]);
  });

  test('an instance that starts before MongoDB says so, and starts when it comes', async () => {
    await server.kill();
    const lines: string[] = [];
    const log: Logger = { ...silentLogger, warn: (_, line) => lines.push(line) };
    const starting = open({ log });
    await expect
      .poll(() => lines, { timeout: RECOVERY_MS })
      .toEqual([`waiting for MongoDB at 127.0.0.1:${server.port} (MONGODB_URL)`]);
    await server.start();
    await (await starting).ping(soon());
  });

  test('waiting ends when it is told to', async () => {
    await server.kill();
    const giveUp = new AbortController();
    const starting = open({ signal: giveUp.signal });
    giveUp.abort(new Error('stopped'));
    await expect(starting).rejects.toThrow('stopped');
  });

  test('a start whose index takes long ends when it is told to', async () => {
    const giveUp = new AbortController();
    await fail(['createIndexes'], { blockConnection: true, blockTimeMS: RECOVERY_MS });
    const starting = openMongo({
      url: server.url(`faults-${systemIds.random64()}`),
      keepVisitsMs: HOUR_MS,
      clock: systemClock,
      log: silentLogger,
      signal: giveUp.signal,
      observe: (client) =>
        client.on('commandStarted', ({ commandName }) => {
          if (commandName === 'createIndexes') giveUp.abort(new Error('stopped'));
        }),
    });
    await expect(starting).rejects.toThrow('stopped');
  });
});

describe('one instance without Redis', () => {
  const claim = (mongo: Mongo, options: { log?: Logger; signal?: AbortSignal } = {}) =>
    claimAlone({
      mongo,
      clock: systemClock,
      ids: systemIds,
      log: options.log ?? silentLogger,
      signal: options.signal ?? soon(),
    });

  test('waits for a MongoDB that steps down while it is claimed', async () => {
    const mongo = await open();
    const lines: string[] = [];
    await fail(['update'], { errorCode: NOT_WRITABLE_PRIMARY });
    const claiming = claim(mongo, { log: { ...silentLogger, warn: (_, line) => lines.push(line) } });
    const claimed = vi.fn();
    void claiming.then(claimed, claimed);
    await expect.poll(() => lines, { timeout: RECOVERY_MS }).toEqual(['waiting for MongoDB (MONGODB_URL)']);
    expect(claimed).not.toHaveBeenCalled();
    await control.db('admin').command({ configureFailPoint: 'failCommand', mode: 'off' });
    cleanups.push(await claiming);
  });

  test('ends its waiting when it is told to', async () => {
    const mongo = await open();
    await server.pause();
    const giveUp = new AbortController();
    const claiming = claim(mongo, { signal: giveUp.signal });
    giveUp.abort(new Error('stopped'));
    await expect(claiming).rejects.toThrow('stopped');
  });

  test('that may not claim is refused with words', async () => {
    const mongo = await open();
    await fail(['update'], { errorCode: UNAUTHORIZED });
    await expect(claim(mongo)).rejects.toThrow(/^MONGODB_URL: this database cannot be claimed: /);
  });
});

describe('what MongoDB says', () => {
  test('a primary that steps down leaves an append unknown and a question unavailable', async () => {
    const mongo = await open();
    const store = createMongoMessageStore({ mongo });
    const data = { errorCode: NOT_WRITABLE_PRIMARY, errorLabels: ['RetryableWriteError'] };
    await fail(['insert', 'find', 'update'], data);
    expect(await append(store, [message('log', 1)])).toMatchObject({ outcome: 'unknown', landed: 0 });
    await expect(store.range('log', 0, 1, soon())).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    const visitor = { id: 'visitor', createdAt: new Date(0), displayName: null };
    const ensuring = createMongoVisitorStore({ mongo }).ensure(visitor, soon());
    await expect(ensuring).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  });

  test('one lost connection is healed by the second try, and nothing is stored twice', async () => {
    const store = createMongoMessageStore({ mongo: await open() });
    await fail(['insert'], { closeConnection: true }, 1);
    expect(await append(store, [message('alone', 1)])).toEqual({ outcome: 'landed', landed: 1 });
    expect(await store.range('alone', 0, 10, soon())).toHaveLength(1);
    await fail(['insert'], { closeConnection: true }, 1);
    expect(await append(store, [message('log', 1), message('log', 2)])).toEqual({
      outcome: 'landed',
      landed: 2,
    });
    expect(await store.range('log', 0, 10, soon())).toHaveLength(2);
  });

  test.each([
    [64, 'waiting for replication timed out'],
    [8, 'the journal cannot be written'],
  ])(
    'a write-concern error (%i) leaves an append unknown, alone or beside a duplicate',
    async (code, errmsg) => {
      const notKept = { code, errmsg };
      const isInsert = (reply: Document): boolean => reply['n'] !== undefined;
      let failing = false;
      const proxy = await startReplyProxy({ host: '127.0.0.1', port: server.port }, (reply) =>
        failing && isInsert(reply) ? { ...reply, writeConcernError: notKept } : reply,
      );
      cleanups.push(() => proxy.close());
      const database = `faults-${systemIds.random64()}`;
      const mongo = await open({
        url: `mongodb://127.0.0.1:${proxy.port}/${database}?directConnection=true`,
      });
      const store = createMongoMessageStore({ mongo });
      expect(await append(store, [message('log', 2)])).toEqual({ outcome: 'landed', landed: 1 });
      failing = true;
      expect(await append(store, [message('other', 1)])).toMatchObject({ outcome: 'unknown', landed: 0 });
      expect(await append(store, [message('log', 1), message('log', 2)])).toMatchObject({
        outcome: 'unknown',
        landed: 0,
      });
      expect(await append(store, [message('log', 2)])).toMatchObject({ outcome: 'unknown', landed: 0 });
      failing = false;
      expect(await append(store, [message('log', 2)])).toEqual({ outcome: 'conflict', landed: 0 });
      expect(await append(store, [message('log', 1), message('log', 2)])).toEqual({
        outcome: 'conflict',
        landed: 0,
      });
    },
  );

  test('a question that MongoDB refuses for good is not taken for an absent one', async () => {
    const mongo = await open();
    await fail(['find'], { errorCode: UNAUTHORIZED });
    const reading = createMongoRoomStore({ mongo }).byNameKey('lobby', soon());
    await expect(reading).rejects.toMatchObject({ code: UNAUTHORIZED });
  });

  test.each([121, 91])(
    'of a batch of which one fails for something else (%i) nothing is known',
    async (code) => {
      const proxy = await startReplyProxy({ host: '127.0.0.1', port: server.port }, (reply) => {
        const [failed] = (reply['writeErrors'] ?? []) as Document[];
        return failed === undefined ? reply : { ...reply, writeErrors: [{ ...failed, code, errmsg: 'no' }] };
      });
      cleanups.push(() => proxy.close());
      const url = `mongodb://127.0.0.1:${proxy.port}/faults-${systemIds.random64()}?directConnection=true`;
      const store = createMongoMessageStore({ mongo: await open({ url }) });
      const taken = message('log', 2);
      expect(await append(store, [taken])).toEqual({ outcome: 'landed', landed: 1 });
      const unknown = { outcome: 'unknown', landed: 0 };
      expect(await append(store, [message('log', 1), message('log', 2)])).toMatchObject(unknown);
      expect(await append(store, [taken])).toMatchObject(unknown);
    },
  );

  test('a room that MongoDB does not take for good is not taken for one that is there', async () => {
    const store = createMongoRoomStore({ mongo: await open() });
    await store.create(LOBBY, soon());
    await fail(['insert'], { errorCode: UNAUTHORIZED });
    await expect(store.create(LOBBY, soon())).rejects.toMatchObject({ code: UNAUTHORIZED });
  });

  test('a room whose holder of the name was rolled back meanwhile is unavailable', async () => {
    let isRolledBack = false;
    const proxy = await startReplyProxy({ host: '127.0.0.1', port: server.port }, (reply) =>
      isRolledBack && reply['cursor'] !== undefined
        ? { ...reply, cursor: { ...(reply['cursor'] as Document), firstBatch: [] } }
        : reply,
    );
    cleanups.push(() => proxy.close());
    const database = `faults-${systemIds.random64()}`;
    const url = `mongodb://127.0.0.1:${proxy.port}/${database}?directConnection=true`;
    const store = createMongoRoomStore({ mongo: await open({ url }) });
    await store.create(LOBBY, soon());
    isRolledBack = true;
    const again = store.create({ ...LOBBY, id: 'other' }, soon());
    await expect(again).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  });

  test('a user that may not make indexes is refused at the start, with words', async () => {
    await fail(['createIndexes'], { errorCode: UNAUTHORIZED });
    await expect(open()).rejects.toThrow(/^MONGODB_URL: .*cannot be made/);
  });

  test('a URL without a database means the one of our name', async () => {
    const mongo = await open({ url: `mongodb://127.0.0.1:${server.port}/?directConnection=true` });
    expect(mongo.db.databaseName).toBe('madang');
  });
});
