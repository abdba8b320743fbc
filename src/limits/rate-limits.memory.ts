import { limitsOver, type RateLimitsOptions, unlimited } from './limits-over.js';
import type { RateLimits } from './rate-limits.js';
import { ratesFor } from './rates.js';
import { countInMemory } from './windows.memory.js';

/** The port within one process: forgotten at a restart. */
export function createMemoryRateLimits({
  factor,
  maxSocketsPerAddress,
  metrics,
}: RateLimitsOptions): RateLimits {
  if (factor === null) return unlimited;
  return limitsOver(countInMemory(ratesFor({ maxSocketsPerAddress, factor })), { factor, metrics });
}
