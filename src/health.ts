import type { Clock } from './lib/clock.js';
import { every } from './lib/every.js';
import type { Logger } from './lib/logger.js';
import { firstLine } from './lib/start-error.js';
import type { Health } from './transport/http.js';

/** The store is asked this often whether it is there, in milliseconds. */
const PING_INTERVAL_MS = 1000;
const PING_LIMIT_MS = 2000;
/** Silent for longer than that, and the instance wants no new visitors. */
const MAX_SILENCE_MS = 5000;

/**
 * Whether this instance can serve: its store must have answered lately. Redis is no condition: the chat goes on
 * without it.
 */
export function createHealth({
  ping,
  redis,
  clock,
  log,
}: {
  readonly ping: (signal: AbortSignal) => Promise<void>;
  /** Null without Redis. */
  readonly redis: (() => 'ok' | 'degraded') | null;
  readonly clock: Clock;
  readonly log: Logger;
}) {
  let answeredAt = clock.monotonic();
  async function ask(): Promise<void> {
    await ping(clock.deadline(PING_LIMIT_MS));
    answeredAt = clock.monotonic();
  }
  const stop = every(clock, PING_INTERVAL_MS, ask, (error) =>
    log.debug({ reason: firstLine(error) }, 'the store did not answer a ping'),
  );
  return {
    current(): Health {
      const ready = clock.monotonic() - answeredAt <= MAX_SILENCE_MS;
      const details = { store: ready ? 'ok' : 'unavailable', ...(redis === null ? {} : { redis: redis() }) };
      return { ready, details };
    },
    stop,
  };
}
