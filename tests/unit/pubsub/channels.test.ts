import { expect, it } from 'vitest';
import { silentLogger } from '../../../src/lib/logger.js';
import { createChannels } from '../../../src/pubsub/channels.redis.js';
import type { RedisClient } from '../../../src/redis/connection.js';
import { createFakeClock } from '../../testkit/log/fake-clock.js';

const SECOND_MS = 1000;

it('says that Redis refuses subscriptions once each time that it begins to, also when it ended by asking again', async () => {
  const clock = createFakeClock();
  const warnings: string[] = [];
  let refuses = true;
  const connection: Partial<RedisClient> = {
    status: 'ready',
    subscribe: () =>
      refuses
        ? Promise.reject(Object.assign(new Error('NOPERM'), { name: 'ReplyError' }))
        : Promise.resolve(1),
  };
  const channels = createChannels({
    connection: connection as RedisClient,
    clock,
    log: { ...silentLogger, warn: (_fields, message) => void warnings.push(message) },
  });
  const acknowledged: string[] = [];
  const subscribe = (name: string) => channels.client.subscribe(name, () => void acknowledged.push(name));
  for (const round of [1, 2]) {
    refuses = true;
    void subscribe(`room ${round}`);
    await clock.pass(5 * SECOND_MS);
    await expect(channels.restore()).rejects.toThrow('NOPERM');
    expect(warnings).toHaveLength(round);
    refuses = false;
    await clock.pass(2 * SECOND_MS);
    expect(acknowledged).toHaveLength(round);
  }
  channels.stop();
});
