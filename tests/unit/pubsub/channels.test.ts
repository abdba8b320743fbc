import { expect, it } from 'vitest';
import { silentLogger } from '../../../src/lib/logger.js';
import { createChannels } from '../../../src/pubsub/channels.redis.js';
import type { RedisClient } from '../../../src/redis/connection.js';
import { createFakeClock } from '../../testkit/log/fake-clock.js';

const SECOND_MS = 1000;

const refusal = Object.assign(new Error('NOPERM'), { name: 'ReplyError' });
const ended = new Error('Connection is closed.');

/** Channels of a connection that fails every SUBSCRIBE as `failure` says. */
function world() {
  const clock = createFakeClock();
  const carrier: { failure: Error | null } = { failure: null };
  const warnings: string[] = [];
  const acknowledged: string[] = [];
  const connection: Partial<RedisClient> = {
    status: 'ready',
    subscribe: () => (carrier.failure === null ? Promise.resolve(1) : Promise.reject(carrier.failure)),
  };
  const channels = createChannels({
    connection: connection as RedisClient,
    clock,
    log: { ...silentLogger, warn: (_fields, message) => void warnings.push(message) },
  });
  const subscribe = (name: string): void =>
    void channels.client.subscribe(name, () => void acknowledged.push(name));
  return { clock, carrier, warnings, acknowledged, channels, subscribe };
}

it('says that Redis refuses subscriptions once each time that it begins to, also when it ended by asking again', async () => {
  const { clock, carrier, warnings, acknowledged, channels, subscribe } = world();
  for (const round of [1, 2]) {
    carrier.failure = refusal;
    subscribe(`room ${round}`);
    await clock.pass(5 * SECOND_MS);
    carrier.failure = ended;
    await expect(channels.restore()).rejects.toThrow('closed');
    carrier.failure = refusal;
    await expect(channels.restore()).rejects.toThrow('NOPERM');
    expect(warnings).toHaveLength(round);
    carrier.failure = null;
    await clock.pass(2 * SECOND_MS);
    expect(acknowledged).toHaveLength(round);
  }
  channels.stop();
});

it('says so of a restoration too, and nothing of a connection that ends meanwhile', async () => {
  const { clock, carrier, warnings, channels, subscribe } = world();
  subscribe('room');
  await clock.pass(SECOND_MS);
  carrier.failure = ended;
  subscribe('another');
  await clock.pass(5 * SECOND_MS);
  await expect(channels.restore()).rejects.toThrow('closed');
  expect(warnings).toEqual([]);
  carrier.failure = refusal;
  await expect(channels.restore()).rejects.toThrow('NOPERM');
  expect(warnings).toHaveLength(1);
  channels.stop();
});
