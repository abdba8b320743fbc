import { describe, expect, it } from 'vitest';
import { systemClock } from '../../../src/lib/clock.js';
import { systemIds } from '../../../src/lib/ids.js';
import { createMetrics } from '../../../src/lib/metrics.js';
import { createMemoryRateLimits } from '../../../src/limits/rate-limits.memory.js';
import type { Log } from '../../../src/log/log.js';
import type { Message } from '../../../src/messages/message.js';
import { createMessageService } from '../../../src/messages/message-service.js';

const ROOM_ID = '0198b7a2-6f00-7000-8000-000000000001';
const room = { id: ROOM_ID, name: 'Room', createdAt: new Date(0) };
const signal = new AbortController().signal;

/** The service over a log that stores everything at once. */
function world() {
  const stored = new Map<string, Message>();
  const log: Pick<Log<Message>, 'append' | 'byKey'> = {
    append(_, entry) {
      const record = { ...entry, number: stored.size + 1 };
      stored.set(`${entry.authorId} ${entry.key}`, record);
      return Promise.resolve({ outcome: 'stored', record, duplicate: false });
    },
    byKey: (_, authorId, key) => Promise.resolve(stored.get(`${authorId} ${key}`) ?? null),
  };
  const messages = createMessageService({
    log: log as Log<Message>,
    rooms: { byId: () => Promise.resolve(room) },
    visitors: { ensure: () => Promise.resolve() },
    limits: createMemoryRateLimits({
      factor: 1,
      maxSocketsPerAddress: 50,
      metrics: createMetrics({ version: 'test' }),
    }),
    clock: systemClock,
    metrics: createMetrics({ version: 'test' }),
    ids: systemIds,
    maxMessageLength: 100,
  });
  return {
    /** Empties the texts that are stored, as a removal does. */
    removeAll() {
      for (const [key, message] of stored) stored.set(key, { ...message, text: '' });
    },
    send: (visitor: string, address: string, idempotencyKey: string | null = null, text = 'text') =>
      messages.send(
        { id: visitor, createdAt: new Date(0) },
        { roomId: ROOM_ID, text, idempotencyKey },
        { address, signal },
      ),
  };
}

describe('the limits of sending', () => {
  it('let a visitor that floods a room use up nothing that others share with it', async () => {
    const { send } = world();
    const flood = await Promise.all(Array.from({ length: 500 }, () => send('flooder', '192.0.2.1')));
    expect(flood.filter((result) => result.ok)).toHaveLength(10);
    expect((await send('other', '192.0.2.2')).ok).toBe(true);
  });

  it('tell a refused sender how long to wait', async () => {
    const { send } = world();
    const results = await Promise.all(Array.from({ length: 11 }, () => send('visitor', '192.0.2.1')));
    const refused = results.find((result) => !result.ok);
    expect(refused).toMatchObject({ ok: false, problems: [{ code: 'RATE_LIMITED' }] });
    const [problem] = refused?.ok === false ? refused.problems : [];
    expect(problem?.retryAfterMs).toBeGreaterThan(0);
  });

  it('LOG-6: what is stored is returned even to a limited sender, and another text under its key conflicts', async () => {
    const { send } = world();
    await send('visitor', '192.0.2.1', 'key');
    const flood = await Promise.all(Array.from({ length: 20 }, () => send('visitor', '192.0.2.1')));
    expect(flood.at(-1)).toMatchObject({ ok: false, problems: [{ code: 'RATE_LIMITED' }] });
    expect(await send('visitor', '192.0.2.1', 'key')).toMatchObject({
      ok: true,
      value: { message: { number: 1, text: 'text' }, duplicate: true },
    });
    expect(await send('visitor', '192.0.2.1', 'key', 'another text')).toMatchObject({
      ok: false,
      problems: [{ code: 'IDEMPOTENCY_CONFLICT' }],
    });
    expect(await send('visitor', '192.0.2.1', 'a new key')).toMatchObject({
      ok: false,
      problems: [{ code: 'RATE_LIMITED' }],
    });
  });

  it('LOG-6: the retry of a message that was removed meanwhile is no conflict, limited or not', async () => {
    const { send, removeAll } = world();
    await send('visitor', '192.0.2.1', 'key');
    removeAll();
    await Promise.all(Array.from({ length: 20 }, () => send('visitor', '192.0.2.1')));
    expect(await send('visitor', '192.0.2.1', 'key')).toMatchObject({ ok: true, value: { duplicate: true } });
  });
});
