import { createBackoff } from './backoff.js';
import type { Environment } from './environment.js';
import { remedyFor, toRequestError, type RequestError } from './request-error.js';

/**
 * Reads a page, trying until it is there.
 *
 * @param refused called when trying again cannot help
 */
export function createPageReads(environment: Environment, refused: (error: RequestError) => void) {
  const backoff = createBackoff(environment);
  /** Raised when what was asked for before is not wanted any more. */
  let edition = 0;
  let cancelWait = () => {};

  async function attempt<Page>(
    mine: number,
    ask: () => Promise<Page>,
    take: (page: Page) => void,
  ): Promise<void> {
    try {
      const page = await ask();
      if (mine !== edition) return;
      backoff.reset();
      take(page);
    } catch (cause) {
      if (mine !== edition) return;
      const error = toRequestError(cause);
      if (remedyFor(error) !== 'again') return refused(error);
      const again = () => void attempt(mine, ask, take);
      cancelWait = environment.after(backoff.next(error.retryAfterMs), again);
    }
  }

  return {
    read: <Page>(ask: () => Promise<Page>, take: (page: Page) => void) => void attempt(edition, ask, take),
    /** Nothing that was asked for before is taken any more. */
    drop(): void {
      edition += 1;
      cancelWait();
    },
    /** Whether nothing was dropped yet. */
    isFirst: () => edition === 0,
  };
}
