import type { Followed } from '../../../src/lib/followed.js';
import type { LogDelivery } from '../../../src/log/log.js';
import type { Note } from './log-world.js';

/** A subscriber that writes down what it gets, as fast as it comes. */
export interface Follower {
  readonly got: readonly LogDelivery<Note>[];
  /** `number`, with `+n` when n were skipped before it and `r` when it was replayed. */
  readonly shown: readonly string[];
  /** What its last read threw. */
  readonly error: unknown;
  /** While stalled it reads nothing; the first read after it may jump. */
  stall(stalled: boolean): void;
  close(): void;
}

const PAGE = 100;

/** Begins after a cursor (null: with what comes next) and reads on. */
export async function followLog(
  source: Followed<number, LogDelivery<Note>>,
  after: string | null,
  signal: AbortSignal,
): Promise<Follower> {
  const got: LogDelivery<Note>[] = [];
  let position = await source.begin(after, signal);
  let replayed = true;
  let mayJump = true;
  let stalled = false;
  let reading = false;
  let again = false;
  let error: unknown = null;

  async function readOn(): Promise<void> {
    again = true;
    if (reading || stalled) return;
    reading = true;
    while (again) {
      again = false;
      try {
        for (;;) {
          const events = source.read(position, { limit: PAGE, replayed, mayJump });
          const page = 'then' in events ? await events : events;
          mayJump = false;
          for (const { event, position: reached } of page) {
            got.push(event);
            position = reached;
          }
          if (page.length === 0) break;
        }
        replayed = false;
      } catch (thrown) {
        error = thrown;
      }
    }
    reading = false;
  }

  const end = source.onAdvance(() => void readOn());
  await readOn();
  return {
    got,
    get shown() {
      return got.map(
        ({ record, skippedCount, replayed }) =>
          `${skippedCount > 0 ? `+${skippedCount} ` : ''}${record.number}${replayed ? 'r' : ''}`,
      );
    },
    get error() {
      return error;
    },
    stall(next) {
      stalled = next;
      if (stalled) return;
      mayJump = true;
      void readOn();
    },
    close() {
      end();
      source.close();
    },
  };
}
