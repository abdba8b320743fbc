import { Redis } from 'ioredis';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { startRedis } from '../services/index.js';
import { replyEnd, startUnreliableBus } from './unreliable-bus.js';

const WAIT = { timeout: 20_000 };
const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

describe('the unreliable bus', () => {
  it('loses, doubles and delays events of the channels it harms, and passes all else on', async () => {
    const redis = await startRedis();
    closers.push(redis.close);
    // In turn: lost, doubled, late, unharmed.
    const harms = [0, 0.1, 0.2, 0.9];
    let next = 0;
    const bus = await startUnreliableBus({
      target: { host: '127.0.0.1', port: redis.port },
      isHarmed: (channel) => channel.startsWith('harmed'),
      share: 0.1,
      chance: () => harms[next++ % harms.length] ?? 1,
    });
    closers.push(bus.close);
    const [listener, publisher] = [new Redis(bus.url), new Redis(bus.url)];
    closers.push(
      () => listener.disconnect(),
      () => publisher.disconnect(),
    );
    const got: Record<string, string[]> = { harmed: [], whole: [] };
    listener.on('message', (channel, text) => got[channel]?.push(text));
    await listener.subscribe('harmed', 'whole');
    const long = 'x'.repeat(1_000_000);
    await publisher.set('long', long);
    for (const text of ['1', '2', '3', '4', '5', '6', '7\r\n', long]) {
      await publisher.publish('whole', text);
      await publisher.publish('harmed', text);
    }
    await vi.waitFor(() => expect(got['whole']).toHaveLength(8), WAIT);
    await vi.waitFor(() => expect(got['harmed']).toHaveLength(8), WAIT);
    expect(got['whole']).toEqual(['1', '2', '3', '4', '5', '6', '7\r\n', long]);
    expect(got['harmed']?.toSorted()).toEqual(['2', '2', '3', '4', '6', '6', '7\r\n', long]);
    expect(bus.counts()).toEqual({ events: 8, lost: 2, doubled: 2, late: 2 });
    expect(await publisher.get('long')).toBe(long);
  });

  it('knows where a reply ends, also when it comes in pieces', () => {
    const replies = [
      '+OK\r\n',
      ':12\r\n',
      '$-1\r\n',
      '*-1\r\n',
      '$3\r\na\r\n\r\n',
      '*2\r\n:1\r\n*1\r\n$0\r\n\r\n',
    ];
    for (const reply of replies) {
      const bytes = Buffer.from(reply);
      for (let cut = 0; cut < bytes.length; cut += 1) expect(replyEnd(bytes.subarray(0, cut), 0)).toBe(0);
      expect(replyEnd(Buffer.from(`${reply}+more`), 0)).toBe(bytes.length);
    }
  });
});
