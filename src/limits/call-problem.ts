import type { Problem } from '../lib/problem.js';
import type { RateLimits } from './rate-limits.js';

/**
 * Why the visitor may not call a mutation that has no rate of its own, or null. Such calls draw on the same
 * budget as its queries.
 */
export async function callProblem(limits: RateLimits, visitorId: string): Promise<Problem | null> {
  const retryAfterMs = await limits.consume('queryPerCaller', visitorId);
  return retryAfterMs === null
    ? null
    : { code: 'RATE_LIMITED', message: 'Too many calls. Wait a little.', retryAfterMs };
}
