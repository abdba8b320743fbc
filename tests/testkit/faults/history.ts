import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** One line of a history: what one client saw, when. Times are milliseconds of the test's own clock. */
export type HistoryEvent =
  | {
      readonly op: 'ack';
      readonly t: number;
      /** When it was first sent. */
      readonly sentAt: number;
      /** Who answered. */
      readonly instance: string;
      readonly who: string;
      readonly room: string;
      readonly number: number;
      /** The idempotency key. */
      readonly key: string;
      readonly text: string;
      readonly id: string;
    }
  | {
      /** A client begins to follow behind message `number`; null: behind whatever there was. */
      readonly op: 'begin';
      readonly t: number;
      readonly who: string;
      readonly room: string;
      readonly number: number | null;
    }
  | {
      /** A client leaves: what follows is not for it. */
      readonly op: 'end';
      readonly t: number;
      readonly who: string;
      readonly room: string;
    }
  | {
      readonly op: 'deliver';
      readonly t: number;
      readonly who: string;
      readonly room: string;
      readonly number: number;
      readonly text: string;
      readonly id: string;
      /** How many messages directly before this one the server said it left out. */
      readonly skipped: number;
    }
  | {
      /** Something that no rule allows: a code that may not come, a `complete`. */
      readonly op: 'refused';
      readonly t: number;
      readonly who: string;
      readonly room: string;
      readonly problem: string;
    };

/** One stored message, as history pages show it. */
export interface Stored {
  readonly number: number;
  readonly id: string;
  readonly text: string;
}

export interface History {
  readonly events: readonly HistoryEvent[];
  record(event: HistoryEvent): void;
  /** Writes it as JSON lines below the system's temporary folder; the path. */
  save(): string;
}

export function createHistory(): History {
  const events: HistoryEvent[] = [];
  // A message is heard by many: its text is kept once.
  const texts = new Map<string, string>();
  function once(text: string): string {
    const known = texts.get(text);
    if (known === undefined) texts.set(text, text);
    return known ?? text;
  }
  return {
    events,
    record(event) {
      if (event.op !== 'ack' && event.op !== 'deliver') events.push(event);
      else events.push({ ...event, text: once(event.text), id: once(event.id) });
    },
    save() {
      const path = join(mkdtempSync(join(tmpdir(), 'madang-history-')), 'history.jsonl');
      writeFileSync(path, events.map((event) => `${JSON.stringify(event)}\n`).join(''));
      return path;
    },
  };
}
