import type { Clock } from './clock.js';

/**
 * Runs `action` again and again, `ms` milliseconds after its last run ended, the first time after `ms`. A run
 * that fails is handed to `onError` and changes nothing. Returns how to end it; a run under way goes on.
 */
export function every(
  clock: Clock,
  ms: number,
  action: () => void | Promise<void>,
  onError: (error: unknown) => void,
): () => void {
  let ended = false;
  let cancel = clock.after(ms, run);

  function run(): void {
    void runOnce().finally(() => {
      if (!ended) cancel = clock.after(ms, run);
    });
  }

  async function runOnce(): Promise<void> {
    try {
      await action();
    } catch (error) {
      onError(error);
    }
  }

  return () => {
    ended = true;
    cancel();
  };
}
