import type { BusMode, LogBus, LogEvent } from '../../../src/log/log-bus.js';
import type { LogRecord } from '../../../src/log/log-store.js';
import type { Dice } from './dice.js';
import type { Scheduler } from './scheduler.js';

/** What goes wrong on the bus; the adversary turns these. */
export interface BusFaults {
  loss: number;
  doubled: number;
  /** Probability that an event comes 5 to 60 ms late, behind others. */
  late: number;
}

/** Of all that ever joined, the last so many are most likely still there. */
const NEWEST = 3;

interface BusMember {
  readonly setMode: (mode: BusMode) => void;
  away: boolean;
  /** What waits for it to be back. */
  waiting: (() => void)[];
}

interface Listening<Record extends LogRecord> {
  readonly member: BusMember;
  readonly logId: string;
  readonly hear: (event: LogEvent<Record>) => void;
}

export interface ModelBus<Record extends LogRecord> {
  readonly faults: BusFaults;
  /** The bus as one instance sees it. `enter` runs a callback in that instance, if it still lives. */
  join(enter: (callback: () => void) => void): LogBus<Record>;
  /** Puts an event on the bus as it is. */
  inject(event: LogEvent<Record>): void;
  /** From now on nothing is carried or answered. */
  hang(): void;
  recover(): void;
  hung(): boolean;
  /** One instance is cut off until `rejoin`; returns that. Null when there is none. */
  partition(): (() => void) | null;
  /** Forgets what is under way. */
  flush(): void;
}

/** Carries hints between instances, badly. */
export function createModelBus<Record extends LogRecord>(scheduler: Scheduler, dice: Dice): ModelBus<Record> {
  const faults: BusFaults = { loss: 0, doubled: 0, late: 0 };
  const listening = new Set<Listening<Record>>();
  const members = new Set<BusMember>();
  let hung = false;
  let generation = 0;
  let onRecover: (() => void)[] = [];

  function carry(event: LogEvent<Record>, to: Listening<Record>): void {
    if (dice.happens(faults.loss)) return;
    const of = generation;
    const copies = dice.happens(faults.doubled) ? 2 : 1;
    for (let copy = 0; copy < copies; copy += 1) {
      const ms = dice.happens(faults.late) ? dice.between(5, 60) : dice.between(0.2, 3);
      scheduler.after(ms, () => {
        if (of === generation && listening.has(to) && !to.member.away) to.hear(event);
      });
    }
  }

  function inject(event: LogEvent<Record>): void {
    if (hung) {
      // What was sent into a bus that hangs may come out of it later.
      if (dice.happens(0.5)) onRecover.push(() => inject(event));
      return;
    }
    for (const to of listening) if (to.logId === event.record.logId) carry(event, to);
  }

  return {
    faults,
    inject,
    join(enter) {
      let mode: BusMode = 'push';
      const modeListeners = new Set<(mode: BusMode) => void>();
      const member: BusMember = {
        away: false,
        waiting: [],
        setMode(next: BusMode) {
          enter(() => {
            if (next === mode) return;
            mode = next;
            for (const listener of modeListeners) listener(next);
          });
        },
      };
      members.add(member);
      if (hung) scheduler.after(dice.between(100, 400), () => hung && member.setMode('polling'));
      return {
        publish(event) {
          if (!member.away) inject(event);
          // What was sent into a connection that hangs may come out of it later.
          else if (dice.happens(0.3)) member.waiting.push(() => inject(event));
        },
        subscribe(logId, listener) {
          const entry: Listening<Record> = { logId, member, hear: (event) => enter(() => listener(event)) };
          let closed = false;
          const ready = new Promise<void>((resolve) => {
            const confirm = (): void => {
              scheduler.after(dice.between(0.2, 3), () => {
                if (hung || member.away) {
                  (hung ? onRecover : member.waiting).push(confirm);
                  return;
                }
                if (!closed) listening.add(entry);
                scheduler.after(dice.between(0.1, 2), () => enter(resolve));
              });
            };
            confirm();
          });
          return {
            ready,
            close() {
              closed = true;
              listening.delete(entry);
            },
          };
        },
        mode: () => mode,
        onMode(listener) {
          modeListeners.add(listener);
          return () => void modeListeners.delete(listener);
        },
      };
    },
    hang() {
      hung = true;
      for (const member of members) {
        scheduler.after(dice.between(50, 100), () => hung && member.setMode('polling'));
      }
    },
    recover() {
      hung = false;
      const waiting = onRecover;
      onRecover = [];
      for (const run of waiting) run();
      for (const member of members) {
        scheduler.after(dice.between(5, 50), () => !hung && !member.away && member.setMode('push'));
      }
    },
    hung: () => hung,
    partition() {
      const present = [...members].slice(-NEWEST).filter((member) => !member.away);
      if (present.length === 0) return null;
      const member = dice.pick(present);
      member.away = true;
      // A half-open connection is noticed late.
      scheduler.after(dice.between(10, 150), () => member.away && member.setMode('polling'));
      return () => {
        if (!member.away) return;
        member.away = false;
        const { waiting } = member;
        member.waiting = [];
        for (const run of waiting) run();
        scheduler.after(dice.between(5, 50), () => !hung && !member.away && member.setMode('push'));
      };
    },
    flush() {
      generation += 1;
      onRecover = [];
      listening.clear();
      members.clear();
    },
  };
}
