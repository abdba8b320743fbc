import { MongoClient } from 'mongodb';
import { afterEach, describe, expect, test } from 'vitest';
import { systemClock, type Clock } from '../../src/lib/clock.js';
import { systemIds } from '../../src/lib/ids.js';
import { silentLogger, type Logger } from '../../src/lib/logger.js';
import { StartError } from '../../src/lib/start-error.js';
import { createMongoMessageStore } from '../../src/messages/message-store.mongo.js';
import type { Mongo } from '../../src/mongo/mongo.js';
import { SCHEMA_VERSION } from '../../src/mongo/schema.js';
import { claimAlone } from '../../src/mongo/sole-instance.js';
import { createMongoRoomStore } from '../../src/rooms/room-store.mongo.js';
import { recordMongo } from '../testkit/mongo-recorder.js';
import { mongoForTests, withDriverRetries } from '../testkit/services/index.js';
import { soon } from '../testkit/signals.js';
import { connect, newMongo } from './worlds/mongo.js';

const HOUR_MS = 3_600_000;
const HOUR_SECONDS = 3600;

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

/** An empty database, and a client that meets it before we do. */
async function emptyDatabase() {
  const { url, dispose } = await mongoForTests();
  const client = new MongoClient(url);
  cleanups.push(dispose, () => client.close());
  return { url, db: client.db() };
}

async function open(...args: Parameters<typeof connect>) {
  const mongo = await connect(...args);
  cleanups.push(() => mongo.stop());
  return mongo;
}

const createdAt = new Date(0);
const room = (id: string) => ({ id, name: 'r', nameKey: 'r', createdAt, creatorId: 'author' });
const message = { logId: 'room', number: 1, authorId: 'author', call: '0', key: 's:0', text: '', createdAt };

/** The stores on an empty database, and what they ask it for. */
async function recordedStores(option = '') {
  const { url } = await emptyDatabase();
  const recorder = await recordMongo(withDriverRetries(url) + option);
  cleanups.push(() => recorder.close());
  const mongo = await open(recorder.url);
  return { recorder, messages: createMongoMessageStore({ mongo }), rooms: createMongoRoomStore({ mongo }) };
}

describe('starting on MongoDB', () => {
  test('many instances start at once on an empty database, and again on it', async () => {
    const { url, db } = await emptyDatabase();
    for (const _round of [1, 2]) {
      const all = await Promise.all(Array.from({ length: 6 }, () => open(url)));
      for (const mongo of all) await mongo.ping(soon());
    }
    const indexes = await db.collection('messages').listIndexes().toArray();
    expect(indexes.filter((index) => index['unique'] === true)).toMatchObject([
      { name: 'messages_key', key: { roomId: 1, authorId: 1, key: 1 } },
      { name: 'messages_number', key: { roomId: 1, number: 1 } },
    ]);
    const meta = await db.collection<{ _id: string }>('meta').find().toArray();
    expect(meta).toEqual([{ _id: 'schema', version: SCHEMA_VERSION }]);
  });

  test('a database that a newer release wrote is refused with words and left as it is', async () => {
    const { url, db } = await emptyDatabase();
    await db.collection<{ _id: string; version: number }>('meta').insertOne({ _id: 'schema', version: 99 });
    const refusal = connect(url);
    await expect(refusal).rejects.toThrow(StartError);
    await expect(refusal).rejects.toThrow(/MONGODB_URL.*newer release \(schema 99/);
    const collections = await db.listCollections().toArray();
    expect(collections.map(({ name }) => name)).toEqual(['meta']);
  });

  test.each([
    ['is not unique', { roomId: 1, number: 1 }, {}],
    ['is on other fields', { roomId: 1 }, { unique: true }],
    [
      'leaves out some documents',
      { roomId: 1, number: 1 },
      { unique: true, partialFilterExpression: { number: 1 } },
    ],
  ] as const)('an index of our name that %s is refused with words', async (_, key, options) => {
    const { url, db } = await emptyDatabase();
    await db.collection('messages').createIndex(key, { name: 'messages_number', ...options });
    const refusal = connect(url);
    await expect(refusal).rejects.toThrow(StartError);
    await expect(refusal).rejects.toThrow(/MONGODB_URL: index messages_number .* cannot be made/);
  });

  test('a unique index that what is stored breaks is refused with words', async () => {
    const { url, db } = await emptyDatabase();
    await db.collection('rooms').insertMany([{ nameKey: 'same' }, { nameKey: 'same' }], { ordered: true });
    const refusal = connect(url);
    await expect(refusal).rejects.toThrow(StartError);
    await expect(refusal).rejects.toThrow(/MONGODB_URL: index rooms_name .* cannot be made/);
  });

  test.each([
    ['can be tried again by the driver', '', true],
    ['cannot, when the URL says so', '&retryWrites=false', false],
  ])('a write %s', async (_, option, isAsked) => {
    const { url, db } = await emptyDatabase();
    const recorder = await recordMongo(withDriverRetries(url) + option);
    cleanups.push(() => recorder.close());
    const mongo = await open(recorder.url);
    await mongo.db.collection('rooms').insertOne({ nameKey: 'one' });
    expect(await db.collection('rooms').countDocuments()).toBe(1);
    const inserted = recorder.commands.filter(({ body }) => body['insert'] === 'rooms');
    expect(inserted.map(({ body }) => 'txnNumber' in body)).toEqual([isAsked]);
  });

  test.each(['', '&w=1', '&journal=false'])(
    'LOG-1: writes wait for a majority and its journal, whatever the URL says: "%s"',
    async (option) => {
      const { recorder, messages, rooms } = await recordedStores(option);
      await rooms.create(room('room'), soon());
      await messages.append([message], messages.session(), soon());
      await rooms.raise([{ id: 'room', head: 1, activeAt: createdAt }], soon());
      const writes = recorder.commands.filter(({ name }) =>
        ['insert', 'update', 'delete', 'findAndModify'].includes(name),
      );
      for (const collection of ['meta', 'rooms', 'messages']) {
        expect(writes.map(({ name, body }) => body[name])).toContain(collection);
      }
      for (const { body } of writes) expect(body['writeConcern']).toEqual({ w: 'majority', j: true });
    },
  );

  test('reads see only what a majority has, and the surest are linearizable, each of one document', async () => {
    const { recorder, messages } = await recordedStores();
    const positions = [1, 2].map((number) => ({ logId: 'room', number }));
    /** What a read of `messages` or `rooms` asks for: the level, and whether it names one document. */
    const asked = async (read: () => Promise<unknown>) => {
      const before = recorder.commands.length;
      await read();
      const finds = recorder.commands.slice(before).filter(({ name }) => name === 'find');
      return finds.map(({ body }) => {
        const { _id: id } = body['filter'] as { _id?: object };
        const { level } = body['readConcern'] as { level: string };
        return [level, id !== undefined && '$eq' in id];
      });
    };
    const surest = [
      ['linearizable', true],
      ['linearizable', true],
    ];
    expect(await asked(() => messages.get(positions, 'linearizable', soon()))).toEqual(surest);
    expect(await asked(() => messages.firsts(['a', 'b'], 'linearizable', soon()))).toEqual(surest);
    for (const read of [
      () => messages.get(positions, 'majority', soon()),
      () => messages.firsts(['a', 'b'], 'majority', soon()),
      () => messages.range('room', 0, 10, soon()),
      () => messages.newest('room', messages.session(), soon()),
      () => messages.byKey('room', 'author', 's:0', messages.session(), soon()),
    ]) {
      const levels = (await asked(read)).map(([level]) => level);
      expect(levels).toEqual(levels.map(() => 'majority'));
      expect(levels.length).toBeGreaterThan(0);
    }
  });

  test('what a session reads is no older than what it wrote, or what was in its way', async () => {
    const { recorder, messages, rooms } = await recordedStores();
    const session = messages.session();
    cleanups.push(() => session.end());
    await rooms.create(room('room'), soon());
    expect(await messages.append([message], session, soon())).toMatchObject({ outcome: 'landed' });
    const before = recorder.commands.length;
    expect(await messages.append([message], session, soon())).not.toMatchObject({ outcome: 'landed' });
    await messages.byKey('room', 'author', 's:0', session, soon());
    await messages.newest('room', session, soon());
    await messages.newest('none', session, soon());
    await rooms.create(room('other'), soon());
    let written: unknown;
    let finds = 0;
    for (const { name, body } of recorder.commands.slice(before)) {
      if (name === 'insert') written = body['lsid'];
      if (name !== 'find') continue;
      finds += 1;
      expect(body['lsid']).toEqual(written);
      expect(body['readConcern']).toHaveProperty('afterClusterTime');
    }
    expect(finds).toBeGreaterThanOrEqual(5);
  });

  test('how long visits are kept follows the setting', async () => {
    const { url, db } = await emptyDatabase();
    for (const hours of [1, 2]) {
      await open(url, { keepVisitsMs: hours * HOUR_MS });
      const indexes = await db.collection('visits').listIndexes().toArray();
      expect(indexes.find(({ name }) => name === 'visits_at')).toMatchObject({
        expireAfterSeconds: hours * HOUR_SECONDS,
      });
    }
  });

  test('who reads alone makes and changes nothing, and is told of a newer release as well', async () => {
    const { url, db } = await emptyDatabase();
    const state = async () => {
      const collections = await db.listCollections().toArray();
      const indexes = collections.map(({ name }) => db.collection(name).listIndexes().toArray());
      return { collections, indexes: await Promise.all(indexes) };
    };
    await open(url, { keepVisitsMs: null });
    expect((await state()).collections).toEqual([]);
    await open(url, { keepVisitsMs: HOUR_MS });
    const prepared = await state();
    await open(url, { keepVisitsMs: null });
    expect(await state()).toEqual(prepared);
    await db.collection<{ _id: string }>('meta').updateOne({ _id: 'schema' }, { $set: { version: 99 } });
    await expect(connect(url, { keepVisitsMs: null })).rejects.toThrow(/newer release \(schema 99/);
  });

  test.each([
    'mongodb://user:s3cret@host:99999/',
    'mongodb://user:s3cret@/x',
    'mongodb://user:s3cret@a/?w=1&x=2',
    'mongodb://user:s3cret@a/a.b',
  ])('a URL that makes no sense is refused without its password (%s)', async (url) => {
    const error: unknown = await connect(url).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(StartError);
    expect(String(error)).toContain('MONGODB_URL');
    expect(String(error)).not.toContain('s3cret');
  });

  test.each([
    ['mongodb://user:s3cret@a/?retryWrites=false&maxStalenessSeconds=120', 'maxStalenessSeconds'],
    ['mongodb://user:s3cret@a/?tls=perhaps', 'tls'],
    ['mongodb://user:s3cret@a/?ssk=true', 'ssk'],
  ])('an option that the driver refuses is named (%s)', async (url, option) => {
    const refusal = connect(url);
    await expect(refusal).rejects.toThrow(StartError);
    await expect(refusal).rejects.toThrow(
      new RegExp(`^MONGODB_URL has an option .* refuses here: ${option}$`),
    );
  });
});

describe('what users type', () => {
  test('is compared, never run, even if it is no text at all', async () => {
    const { mongo, stop } = await newMongo();
    cleanups.push(stop);
    const rooms = createMongoRoomStore({ mongo });
    const messages = createMongoMessageStore({ mongo });
    const id = systemIds.uuid();
    const room = { id, name: 'Lobby', nameKey: 'lobby', createdAt: new Date(), creatorId: systemIds.uuid() };
    await rooms.create(room, soon());
    const record = { logId: id, number: 1, authorId: 'author', key: 'c:key', call: '0'.repeat(16) };
    await messages.append([{ ...record, text: 'hi', createdAt: new Date() }], messages.session(), soon());
    const anything = { $gt: '' } as unknown as string;
    expect(await rooms.byNameKey(anything, soon())).toBeNull();
    await expect(rooms.byIds([anything], soon())).rejects.toThrow('cannot nest $');
    expect(await messages.byKey(id, anything, 'c:key', null, soon())).toBeNull();
    expect(await messages.byKey(id, 'author', anything, null, soon())).toBeNull();
    expect(await messages.newest(anything, null, soon())).toBeNull();
    expect(await messages.range(anything, 0, 10, soon())).toEqual([]);
    expect(await messages.firsts([anything], 'linearizable', soon())).toEqual(new Map());
  });
});

describe('one instance without Redis', () => {
  const RECOVERY_MS = 30_000;
  const claim = (mongo: Mongo, log: Logger = silentLogger, clock: Clock = systemClock) =>
    claimAlone({ mongo, clock, ids: systemIds, log, signal: new AbortController().signal });
  async function newDatabase(): Promise<Mongo> {
    const { mongo, stop } = await newMongo();
    cleanups.push(stop);
    return mongo;
  }

  test('of several that start at once one does, the others are refused with words until it has ended', async () => {
    const mongo = await newDatabase();
    const claims = await Promise.allSettled(Array.from({ length: 4 }, () => claim(mongo)));
    const refusals = claims.filter((one) => one.status === 'rejected').map(({ reason }) => String(reason));
    expect(refusals).toEqual(
      Array(3).fill(expect.stringMatching(/^StartError: MONGODB_URL: another .*REDIS_URL/)),
    );
    for (const one of claims) if (one.status === 'fulfilled') await one.value();
    cleanups.push(await claim(mongo));
  });

  test('one that died without a word is followed, and one that only slept is told so', async () => {
    const mongo = await newDatabase();
    const asleep = { held: true, wake: (): void => undefined };
    const sleeper: Clock = {
      ...systemClock,
      after: (ms, callback) =>
        systemClock.after(ms, () => {
          if (asleep.held) asleep.wake = callback;
          else callback();
        }),
    };
    const lines: string[] = [];
    const log: Logger = { ...silentLogger, error: (_, line) => lines.push(line) };
    cleanups.push(await claim(mongo, log, sleeper));
    cleanups.push(await claim(mongo));
    asleep.held = false;
    asleep.wake();
    await expect.poll(() => lines[0], { timeout: RECOVERY_MS }).toContain('another instance has claimed');
  });
});
