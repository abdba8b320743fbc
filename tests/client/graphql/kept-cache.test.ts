import { describe, expect, it } from 'vitest';
import { createMemoryStorage } from '../../../client/kit/index.js';
import { createKeptCache } from '../../../client/src/graphql/kept-cache.js';

describe('the kept cache', () => {
  it('gives the next page what this one held, and takes broken storage for an empty one', async () => {
    const storage = createMemoryStorage();
    const first = createKeptCache(storage);
    await first.adapter.writeData({ 'Room:1.name': '"Garden"', 'Room:2.name': '"Gone"' });
    await first.adapter.writeData({ 'Room:2.name': undefined });
    first.flush();
    expect(await createKeptCache(storage).adapter.readData()).toEqual({ 'Room:1.name': '"Garden"' });
    storage.set('cache', '{"Room:1.name": ":no JSON", "Room:2.name": 7}');
    expect(await createKeptCache(storage).adapter.readData()).toEqual({});
    storage.set('cache', '{"broken": [');
    expect(await createKeptCache(storage).adapter.readData()).toEqual({});
  });

  it('does not grow with messages that came and went', async () => {
    const storage = createMemoryStorage();
    const cache = createKeptCache(storage);
    await cache.adapter.writeData({ 'Query.rooms': ':"Query.rooms"', 'Query%2erooms.nodes': ':["Room:1"]' });
    for (let number = 1; number <= 20_000; number++) {
      await cache.adapter.writeData({
        'Room:1.latestMessage': `:"Message:${number}"`,
        [`Message:${number}.text`]: `"text ${number}"`,
      });
    }
    const held = await cache.adapter.readData();
    expect(Object.keys(held).length).toBeLessThanOrEqual(8001);
    expect(held['Query%2erooms.nodes']).toBe(':["Room:1"]');
    expect(held['Room:1.latestMessage']).toBe(':"Message:20000"');
    expect(held['Message:20000.text']).toBe('"text 20000"');
  });
});
