import type { Clock } from '../lib/clock.js';

/** How long a call may take, in milliseconds, before its stand-in is used. */
export const PATIENCE_MS = 50;
/** How often it is tried whether the service answers again, in milliseconds. */
const TRIAL_MS = 1000;
/** One turn of the event loop: an answer that came while this process was busy is read before it counts as late. */
const TURN_MS = 1;

/** Calls a service, and a stand-in while the service does not answer. */
export interface Breaker {
  /**
   * The answer of `call`, or of `standIn` when `call` fails or takes longer than `PATIENCE_MS`. After that only
   * `standIn` is called, without any wait, until a trial in the background succeeds. Rejects only if `standIn` does.
   */
  run<Answer>(call: () => Promise<Answer>, standIn: () => Promise<Answer>): Promise<Answer>;
  stop(): void;
}

/**
 * @param trial - asks the service for anything; resolves when it answered.
 * @param onChange - called when the service is passed over, and when it is used again.
 */
export function createBreaker(deps: {
  clock: Clock;
  trial: () => Promise<unknown>;
  onChange: (open: boolean) => void;
}): Breaker {
  const { clock, trial, onChange } = deps;
  let open = false;
  let cancelTrial = (): void => undefined;
  let stopped = false;

  const timedOut = Symbol('timed out');

  /** The answer in time, else `timedOut`; never rejects, however late the call does. */
  function inTime<Answer>(call: () => Promise<Answer>): Promise<Answer | typeof timedOut> {
    return new Promise((resolve) => {
      let cancelTurn = (): void => undefined;
      const cancelPatience = clock.after(PATIENCE_MS, () => {
        cancelTurn = clock.after(TURN_MS, () => resolve(timedOut));
      });
      const settle = (answer: Answer | typeof timedOut): void => {
        cancelPatience();
        cancelTurn();
        resolve(answer);
      };
      call().then(settle, () => settle(timedOut));
    });
  }

  function trip(): void {
    if (open || stopped) return;
    open = true;
    onChange(true);
    tryLater();
  }

  function tryLater(): void {
    cancelTrial = clock.after(TRIAL_MS, () => {
      void inTime(trial).then((answer) => {
        if (stopped) return;
        if (answer === timedOut) {
          tryLater();
          return;
        }
        open = false;
        onChange(false);
      });
    });
  }

  return {
    async run(call, standIn) {
      if (open) return standIn();
      const answer = await inTime(call);
      if (answer !== timedOut) return answer;
      trip();
      return standIn();
    },
    stop() {
      stopped = true;
      cancelTrial();
    },
  };
}
