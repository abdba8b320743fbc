import { closeSync, openSync } from 'node:fs';
import { devNull } from 'node:os';
import type { Clock } from './clock.js';
import { every } from './every.js';
import type { Logger } from './logger.js';
import { systemCode } from './system-code.js';

const INTERVAL_MS = 1000;
/** None is left to this process; none to the whole machine. */
const EXHAUSTED: ReadonlySet<string> = new Set(['EMFILE', 'ENFILE']);

/** Opens a file and closes it again. @throws whatever the system says. */
export function openAnything(): void {
  closeSync(openSync(devNull, 'r'));
}

/**
 * Says in the log, once per second at most, that no file descriptor is left. Node cuts the connections that it then
 * cannot keep, and mostly without a word, so whether there is one is tried each second.
 */
export function watchDescriptors(deps: {
  readonly clock: Clock;
  readonly log: Logger;
  /** Throws when no descriptor is left. */
  readonly open: () => void;
}): { failed(error: unknown): void; stop(): void } {
  const { clock, log, open } = deps;
  let toldAt = Number.NEGATIVE_INFINITY;

  function failed(error: unknown): void {
    if (clock.monotonic() - toldAt < INTERVAL_MS) return;
    toldAt = clock.monotonic();
    const code = systemCode(error);
    if (EXHAUSTED.has(code)) {
      log.error({ code }, 'no file descriptor is left: new connections are cut until others end');
    } else {
      log.error({ err: error }, 'a connection could not be accepted');
    }
  }

  const stop = every(clock, INTERVAL_MS, open, (error) => {
    if (EXHAUSTED.has(systemCode(error))) failed(error);
  });
  return {
    /** A connection could not be accepted. */
    failed,
    stop,
  };
}
