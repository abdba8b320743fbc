import type { Clock } from '../lib/clock.js';
import type { Logger } from '../lib/logger.js';
import { slices } from '../lib/slices.js';
import type { RedisClient } from '../redis/connection.js';

/** How many channels one SUBSCRIBE names. */
const BATCH = 500;
/** How long after a refusal the channel is asked for again, in milliseconds. */
const RETRY_MS = 1000;

/** The channels of one connection, kept in force over everything that happens to it. */
export interface Channels {
  /**
   * Stands between graphql-redis-subscriptions and the connection: that package catches neither a refused
   * SUBSCRIBE nor an UNSUBSCRIBE while Redis is away, and either would end the process. Here nothing is sent
   * before the connection is ready, and a channel is acknowledged late rather than refused.
   */
  readonly client: RedisClient;
  /** Subscribes to every channel anew. Resolves when Redis acknowledged all; rejects when it did not. */
  restore(): Promise<void>;
  stop(): void;
}

export function createChannels(deps: { connection: RedisClient; clock: Clock; log: Logger }): Channels {
  const { connection, clock, log } = deps;
  /** Every wanted channel, and whom to tell of its acknowledgement; null once told. */
  const wanted = new Map<string, (() => void) | null>();
  let cancelRetry: (() => void) | null = null;
  let isRefusalTold = false;

  /** What Redis answers is a fault of the set-up, such as a user without rights, and said once until all is well. */
  function noteRefusal(error: unknown, count: number): void {
    const isAnswer = error instanceof Error && error.name === 'ReplyError';
    const fields = { err: error, channels: count };
    if (isAnswer && !isRefusalTold) log.warn(fields, 'Redis refused a subscription');
    else log.debug(fields, 'Redis refused a subscription');
    isRefusalTold ||= isAnswer;
  }

  async function subscribe(channels: readonly string[]): Promise<void> {
    for (const part of slices(channels, BATCH)) {
      // Those given up while an earlier batch was under way must not come back.
      const batch = part.filter((channel) => wanted.has(channel));
      if (batch.length === 0) continue;
      await connection.subscribe(...batch);
      for (const channel of batch) {
        const acknowledge = wanted.get(channel);
        if (acknowledge === undefined || acknowledge === null) continue;
        wanted.set(channel, null);
        acknowledge();
      }
    }
    if (isRefusalTold && unacknowledged().length === 0) isRefusalTold = false;
  }

  const unacknowledged = (): readonly string[] =>
    [...wanted].filter(([, acknowledge]) => acknowledge !== null).map(([channel]) => channel);

  /** Asks without being asked to wait; what fails is asked for again, after a reconnect by `restore`. */
  function ask(channels: readonly string[]): void {
    if (connection.status !== 'ready') return;
    subscribe(channels).catch((error: unknown) => {
      noteRefusal(error, channels.length);
      cancelRetry ??= clock.after(RETRY_MS, () => {
        cancelRetry = null;
        ask(unacknowledged());
      });
    });
  }

  async function restore(): Promise<void> {
    try {
      await subscribe([...wanted.keys()]);
    } catch (error) {
      noteRefusal(error, wanted.size);
      throw error;
    }
  }

  /** What that package calls of a subscriber, beside `on`. */
  const guarded = {
    subscribe(channel: string, acknowledged: (error: null) => void): void {
      wanted.set(channel, () => acknowledged(null));
      ask([channel]);
    },
    unsubscribe(channel: string): void {
      wanted.delete(channel);
      if (connection.status !== 'ready') return;
      connection.unsubscribe(channel).catch((error: unknown) => {
        log.debug({ err: error }, 'Redis refused to end a subscription');
      });
    },
    /** Patterns are never subscribed to; the package ends one beside every channel all the same. */
    punsubscribe: (): void => undefined,
  };

  return {
    client: new Proxy(connection, {
      get: (target, name): unknown => Reflect.get(name in guarded ? guarded : target, name),
    }),
    restore,
    stop() {
      cancelRetry?.();
      wanted.clear();
    },
  };
}
