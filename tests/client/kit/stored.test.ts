import { beforeEach, describe, expect, it, vi } from 'vitest';
import {
  createIndexedDbKeptMessages,
  createIndexedDbOutboxStore,
  type OutboxEntry,
} from '../../../client/kit/index.js';

/** What the browser stores, by database. */
const databases = vi.hoisted(() => new Map<string, Map<string, unknown>>());
vi.mock('idb-keyval', () => {
  type Database = Map<string, unknown>;
  return {
    createStore: (name: string) => {
      if (!databases.has(name)) databases.set(name, new Map());
      return databases.get(name);
    },
    entries: (database: Database) => Promise.resolve([...database]),
    get: (key: string, database: Database) => Promise.resolve(database.get(key)),
    set: async (key: string, value: unknown, database: Database) => void database.set(key, value),
    delMany: async (keys: string[], database: Database) => keys.forEach((key) => database.delete(key)),
  };
});
beforeEach(() => databases.clear());

describe('the stored outbox', () => {
  const entry: OutboxEntry = {
    key: 'k',
    roomId: 'r',
    text: 'one',
    writtenAt: 1_800_000_000_000,
    visitorId: null,
    failure: null,
    number: null,
  };

  it('gives back what was put, and not what was removed', async () => {
    const store = createIndexedDbOutboxStore('d');
    await store.put({ ...entry, key: 'other' });
    await store.put({ ...entry, text: 'before' });
    await store.put(entry);
    await store.remove('other');
    await store.remove('nothing');
    expect(await createIndexedDbOutboxStore('d').all()).toEqual([entry]);
  });

  it.each<Partial<OutboxEntry>>([
    { visitorId: 'ana' },
    { failure: { code: 'FORBIDDEN', message: 'No.' } },
    { writtenAt: 0 },
  ])('takes %j for one of its own', async (over) => {
    const store = createIndexedDbOutboxStore('d');
    await store.put({ ...entry, ...over });
    expect(await store.all()).toEqual([{ ...entry, ...over }]);
  });

  it.each([
    null,
    'text',
    7,
    { ...entry, key: 1 },
    { ...entry, roomId: undefined },
    { ...entry, text: null },
    { ...entry, writtenAt: '2026-01-31' },
    { ...entry, writtenAt: '1800000000000' },
    { ...entry, writtenAt: Number.NaN },
    { ...entry, writtenAt: 8.64e15 + 1 },
    { ...entry, visitorId: 1 },
    { ...entry, visitorId: undefined },
    { ...entry, failure: 'FORBIDDEN' },
    { ...entry, failure: { code: 'FORBIDDEN' } },
    { ...entry, failure: { message: 'No.' } },
    { ...entry, failure: undefined },
    { ...entry, number: 7 },
  ])('leaves out %j', async (other) => {
    const store = createIndexedDbOutboxStore('d');
    databases.get('d')!.set('other', other);
    await store.put(entry);
    expect(await store.all()).toEqual([entry]);
  });
});

describe('the kept messages', () => {
  const message = (number: number) => ({
    id: `m${number}`,
    number,
    text: `text ${number}`,
    createdAt: '2026-01-31T09:30:00.000Z',
    idempotencyKey: number % 2 === 0 ? null : 'key',
    author: { id: 'ana', displayName: 'Ana' },
  });
  const messages = (through: number) => Array.from({ length: through }, (_, index) => message(index + 1));

  it('are the newest 50 of a room, as they were written last', async () => {
    const kept = createIndexedDbKeptMessages('d');
    expect(await kept.read('r')).toEqual([]);
    await kept.write('r', messages(3));
    await kept.write('r', messages(70));
    await kept.write('s', messages(2));
    expect(await createIndexedDbKeptMessages('d').read('r')).toEqual(messages(70).slice(20));
    expect(await kept.read('s')).toEqual(messages(2));
  });

  it('are of the 30 rooms written last, and what is none of them goes first', async () => {
    vi.useFakeTimers();
    try {
      const kept = createIndexedDbKeptMessages('d');
      for (const [index, stray] of [null, { keptAt: 'x' }, 'text'].entries()) {
        databases.get('d')!.set(`stray ${index}`, stray);
      }
      const rooms = Array.from({ length: 34 }, (_, index) => `r${index}`);
      for (const room of [...rooms.toReversed(), 'r33', 'r32']) {
        vi.setSystemTime(Date.now() + 1000);
        await kept.write(room, messages(1));
      }
      const left = [...rooms.slice(0, 28), 'r32', 'r33'];
      expect(new Set(databases.get('d')!.keys())).toEqual(new Set(left));
    } finally {
      vi.useRealTimers();
    }
  });

  it.each([
    null,
    'text',
    [message(1)],
    { messages: 'text' },
    { messages: { every: true } },
    { messages: [message(1), null] },
    { messages: [message(1), { ...message(2), id: 2 }] },
    { messages: [{ ...message(1), text: null }, message(2)] },
    { messages: [{ ...message(1), createdAt: 'yesterday' }] },
    { messages: [{ ...message(1), createdAt: 1_800_000_000_000 }] },
    { messages: [{ ...message(1), number: '1' }] },
    { messages: [{ ...message(1), number: 1.5 }] },
    { messages: [{ ...message(1), idempotencyKey: undefined }] },
    { messages: [{ ...message(1), author: null }] },
    { messages: [{ ...message(1), author: { id: 'ana' } }] },
    { messages: [{ ...message(1), author: { displayName: 'Ana' } }] },
  ])('are none when something else is stored: %j', async (stored) => {
    const kept = createIndexedDbKeptMessages('d');
    databases.get('d')!.set('r', stored);
    expect(await kept.read('r')).toEqual([]);
  });
});
