import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { BSON, MongoClient, type Db } from 'mongodb';
import { afterEach, describe, expect, test } from 'vitest';
import { silentLogger } from '../../src/lib/logger.js';
import { createMongoMessageStore } from '../../src/messages/message-store.mongo.js';
import { createSqliteMessageStore } from '../../src/messages/message-store.sqlite.js';
import type { MessageStore } from '../../src/messages/message-store.js';
import { migrateDatabase, SCHEMA_VERSION } from '../../src/mongo/schema.js';
import { createMongoRoomStore } from '../../src/rooms/room-store.mongo.js';
import { createSqliteRoomStore } from '../../src/rooms/room-store.sqlite.js';
import type { RoomStore } from '../../src/rooms/room-store.js';
import { DATABASE_FILE, openConnection } from '../../src/sqlite/database.js';
import { migrate, schemaSteps } from '../../src/sqlite/schema.js';
import { openSqlite } from '../../src/sqlite/sqlite.js';
import { createMongoVisitorStore } from '../../src/visitors/visitor-store.mongo.js';
import { createSqliteVisitorStore } from '../../src/visitors/visitor-store.sqlite.js';
import type { VisitorStore } from '../../src/visitors/visitor-store.js';
import { mongoForTests } from '../testkit/services/index.js';
import { soon } from '../testkit/signals.js';
import { connect } from './worlds/mongo.js';
import { newDataDir } from './worlds/sqlite.js';

/** What the first release stored, kept as it was: every later one must read it. */
const fixture = (file: string): string =>
  readFileSync(new URL(`../fixtures/${file}`, import.meta.url), 'utf8');

const HARBOUR = '01a21768-4591-7259-92a9-d33bdcee3de0';
const KOREAN = '01a21768-5002-7d11-8a01-0b6c1f2e3d4c';
const UNNAMED = '01a21768-0001-7a4b-9c11-5e1f00aa10b1';
const ADA = '01a21768-0002-7b5c-8d22-6f2f11bb21c2';
const BEGAN = 1_785_600_000_000;

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

interface Stores {
  readonly messages: MessageStore;
  readonly rooms: RoomStore;
  readonly visitors: VisitorStore;
}

/** All that the fixtures hold, and that what is stored goes on from there. */
async function expectAllOfIt({ messages, rooms, visitors }: Stores): Promise<void> {
  const texts = (await messages.range(HARBOUR, 0, 10, soon())).map(({ number, text }) => [number, text]);
  expect(texts).toEqual([
    [1, 'Good morning'],
    [2, "안녕 — it's 🌊\nhere"],
    [3, ''],
  ]);
  expect((await rooms.byIds([HARBOUR, KOREAN], soon())).map(({ name }) => name).sort()).toEqual([
    'Harbour',
    '가나다',
  ]);
  expect((await rooms.byNameKey('가나다', soon()))?.id).toBe(KOREAN);
  const named = await visitors.byIds([UNNAMED, ADA], soon());
  expect(new Map(named.map(({ id, displayName }) => [id, displayName]))).toEqual(
    new Map([
      [UNNAMED, null],
      [ADA, 'Ada'],
    ]),
  );
  const found = await messages.byKey(HARBOUR, UNNAMED, 'c:first', null, soon());
  expect([found?.number, found?.createdAt]).toEqual([1, new Date(BEGAN + 10_000)]);
  const session = messages.session();
  const next = { logId: HARBOUR, number: 4, authorId: ADA, key: 'c:next', call: 'ffeeddccbbaa9988' };
  const appended = await messages.append(
    [{ ...next, text: 'next', createdAt: new Date(BEGAN + 70_000) }],
    session,
    soon(),
  );
  session.end();
  expect(appended).toEqual({ outcome: 'landed', landed: 1 });
  expect((await messages.newest(HARBOUR, null, soon()))?.number).toBe(4);
}

describe('an embedded database of schema 1', () => {
  async function folderWithFixture(): Promise<string> {
    const { dataDir, remove } = await newDataDir();
    cleanups.push(remove);
    const connection = openConnection(join(dataDir, DATABASE_FILE));
    connection.exec(fixture('schema-1.sql'));
    connection.close();
    return dataDir;
  }

  test('is opened, holds all that it held, and has the version of this release', async () => {
    const dataDir = await folderWithFixture();
    const sqlite = await openSqlite({ dataDir, log: silentLogger });
    cleanups.push(() => sqlite.stop());
    await expectAllOfIt({
      messages: createSqliteMessageStore({ sqlite }),
      rooms: createSqliteRoomStore({ sqlite }),
      visitors: createSqliteVisitorStore({ sqlite }),
    });
    expect(sqlite.read('PRAGMA user_version', [], soon())).toEqual([{ user_version: schemaSteps.length }]);
  });

  test('goes through every step that later releases add, each once', async () => {
    const dataDir = await folderWithFixture();
    const connection = openConnection(join(dataDir, DATABASE_FILE));
    const later = [
      ...schemaSteps.slice(0, 1),
      "ALTER TABLE rooms ADD COLUMN topic TEXT NOT NULL DEFAULT 'none'",
      "UPDATE rooms SET topic = topic || ' of ' || name",
    ];
    migrate(connection, later);
    migrate(connection, later);
    expect(connection.prepare('SELECT topic FROM rooms ORDER BY id').all()).toEqual([
      { topic: 'none of Harbour' },
      { topic: 'none of 가나다' },
    ]);
    expect(connection.prepare('PRAGMA user_version').get()).toEqual({ user_version: 3 });
    connection.close();
  });
});

describe('a MongoDB database of schema 1', () => {
  async function databaseWithFixture(): Promise<{ url: string; db: Db }> {
    const { url, dispose } = await mongoForTests();
    const client = new MongoClient(url);
    cleanups.push(dispose, () => client.close());
    const collections = BSON.EJSON.parse(fixture('schema-1.json')) as Record<string, { _id: never }[]>;
    for (const [name, documents] of Object.entries(collections)) {
      await client.db().collection(name).insertMany(documents);
    }
    return { url, db: client.db() };
  }
  const versionOf = async (db: Db) =>
    (await db.collection<{ _id: string; version: number }>('meta').findOne({ _id: 'schema' }))?.version;
  const topicsOf = async (db: Db) =>
    (
      await db
        .collection('rooms')
        .find({}, { sort: { _id: 1 } })
        .toArray()
    ).map(({ topic }) => topic as unknown);

  /** What later releases might add; each may be repeated. */
  const addTopic = async (db: Db): Promise<void> => {
    await db.collection('rooms').updateMany({ topic: { $exists: false } }, { $set: { topic: 'none' } });
  };
  const nameTopic = async (db: Db): Promise<void> => {
    await db
      .collection('rooms')
      .updateMany({ topic: 'none' }, [{ $set: { topic: { $concat: ['$topic', ' of ', '$name'] } } }]);
  };

  test('is opened, holds all that it held, and has the version of this release', async () => {
    const { url, db } = await databaseWithFixture();
    const mongo = await connect(url);
    cleanups.push(() => mongo.stop());
    await expectAllOfIt({
      messages: createMongoMessageStore({ mongo }),
      rooms: createMongoRoomStore({ mongo }),
      visitors: createMongoVisitorStore({ mongo }),
    });
    expect(await versionOf(db)).toBe(SCHEMA_VERSION);
  });

  test('goes through every step that later releases add, each after the other and once', async () => {
    const { db } = await databaseWithFixture();
    const seen: (number | undefined)[] = [];
    const noting = (step: (db: Db) => Promise<void>) => async (on: Db) => {
      seen.push(await versionOf(on));
      await step(on);
    };
    const steps = [noting(addTopic), noting(nameTopic)];
    await migrateDatabase(db, steps);
    await migrateDatabase(db, steps);
    expect(seen).toEqual([1, 2]);
    expect(await topicsOf(db)).toEqual(['none of Harbour', 'none of 가나다']);
    expect(await versionOf(db)).toBe(3);
  });

  test('is taken up again where a step failed, and by several instances at once', async () => {
    const { db } = await databaseWithFixture();
    const failing = [addTopic, () => Promise.reject(new Error('the disk is full'))];
    await expect(migrateDatabase(db, failing)).rejects.toThrow('the disk is full');
    expect([await versionOf(db), await topicsOf(db)]).toEqual([2, ['none', 'none']]);
    await Promise.all(Array.from({ length: 4 }, () => migrateDatabase(db, [addTopic, nameTopic])));
    expect([await versionOf(db), await topicsOf(db)]).toEqual([3, ['none of Harbour', 'none of 가나다']]);
    // The release before it knows that this is not for it.
    await expect(migrateDatabase(db, [addTopic])).rejects.toThrow(
      'newer release (schema 3, this one knows 2)',
    );
    expect(await versionOf(db)).toBe(3);
  });

  test('that is empty has the newest version at once, without a step', async () => {
    const { url, dispose } = await mongoForTests();
    const client = new MongoClient(url);
    cleanups.push(dispose, () => client.close());
    let steps = 0;
    await migrateDatabase(client.db(), [async () => void (steps += 1)]);
    expect([steps, await versionOf(client.db())]).toEqual([0, 2]);
  });
});
