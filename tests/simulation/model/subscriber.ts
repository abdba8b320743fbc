import type { LogDelivery } from '../../../src/log/log.js';
import { decodeCursor } from '../../../src/log/cursor.js';
import type { Note } from '../../testkit/log/log-world.js';
import { codeOf } from './code-of.js';
import type { Following } from './following.js';
import type { Instance } from './instance.js';
import { callInstance } from './sender.js';
import type { SimulatedWorld } from './world.js';

/** A client that follows a log over any instance, by its cursor. */
export interface Subscriber {
  readonly name: string;
  /** Leaves where it is and comes back elsewhere. */
  move(): void;
  stall(ms: number): void;
  /** From now on it never comes late. */
  settle(): void;
  /** Checks what it holds at the end. */
  check(): void;
}

export function createSubscriber(
  world: SimulatedWorld,
  name: string,
  logId: string,
  maxLagMs: number,
): Subscriber {
  const { scheduler, dice, history, set } = world;
  /** What it holds: number → call, since it last read a newest page. */
  let held = new Map<number, string>();
  let last: number | null = null;
  let cursor: string | null = null;
  let session = 0;
  let stalled = false;
  let settled = false;
  /** It has caught up since it last connected. */
  let isLive = false;
  let leave = (): void => undefined;
  let unstall = (): void => undefined;

  function reset(): void {
    held = new Map();
    last = null;
    cursor = null;
  }

  /** Reads the newest page, to start from it. */
  async function readPage(instance: Instance, of: number): Promise<void> {
    const range = { take: 'last', count: dice.whole(1, 15), after: null, before: null } as const;
    const known = world.knownNumber(instance, logId);
    const page = await callInstance(world, instance, (signal) => instance.log.page(logId, range, signal));
    if (!instance.alive() || session !== of) return;
    history.checkPage(logId, range, page, known);
    for (const record of page.records) held.set(record.number, record.call);
    cursor = page.resumeCursor;
    last = decodeCursor(logId, cursor).number;
  }

  /** A refused cursor is right only if it points into a history that is gone. */
  function refused(code: string): void {
    const call = last === null ? undefined : held.get(last);
    const present = last === null ? null : set.at(logId, last, set.view());
    const isGone = last !== null && last < history.first(logId);
    if (code === 'CURSOR_EXPIRED' && !isGone && present?.call === call && call !== undefined) {
      history.violate('CURSOR-4', `${name}: ${last} is there and was called expired`);
    }
    if (code === 'BAD_CURSOR' && (isGone || (present !== null && present.call === call))) {
      history.violate('CURSOR-4', `${name}: ${last} is of this log and was called bad`);
    }
    reset();
  }

  function began(position: number, asked: { readonly newest: number; readonly calm: boolean }): void {
    if (cursor === null) {
      if (position > history.newest(logId))
        history.violate('CURSOR-4', `${name} stands at ${position}, behind nothing`);
      if (asked.calm && world.isCalm() && position < asked.newest) {
        history.violate(
          'CURSOR-4',
          `${name} stands at ${position}, though ${asked.newest} was there before it came`,
        );
      }
      last = position;
      return;
    }
    const call = held.get(position);
    const present = set.at(logId, position, set.view());
    if (position >= history.first(logId) && call !== undefined && present?.call !== call) {
      history.violate('CURSOR-4', `${name} resumed at ${position} of a history that is gone`);
    }
  }

  function receive(delivery: LogDelivery<Note>, mayJump: boolean): void {
    const { record, skippedCount } = delivery;
    const { number } = record;
    history.delivered(record);
    if (number !== (last ?? 0) + 1 + skippedCount) {
      history.violate('LOG-4', `${name} got ${number} after ${last}, ${skippedCount} skipped`);
    }
    if (skippedCount > 0) {
      const jumped = mayJump && history.newest(logId) >= number + world.limits.maxReplayed - 1;
      if (!jumped && number > history.first(logId)) {
        history.violate('LOG-8', `${name} skipped ${skippedCount} before ${number} without need`);
      }
    }
    if (delivery.replayed && isLive)
      history.violate('replayed', `${name} got ${number} as missed after it had caught up`);
    isLive = !delivery.replayed;
    const lag = scheduler.now() - (set.storedAt(logId, number) ?? scheduler.now());
    if (!delivery.replayed && lag > maxLagMs)
      history.violate('LOG-9', `${name} got ${number} after ${lag} ms`);
    held.set(number, record.call);
    last = number;
    cursor = delivery.cursor;
  }

  /** Follows for as long as this session lasts; that ends when the connection does. */
  function run(instance: Instance, following: Following, of: number, position: number): void {
    const isOn = (): boolean => session === of && instance.alive();
    const again = (): void => void (session === of && connect());
    instance.onEnd(() => void scheduler.after(dice.between(1, 50), again));
    leave = () => instance.enter(() => following.leave());
    unstall = () => instance.enter(() => following.drained());
    following.run(position, { name, isOn, isStalled: () => stalled, receive });
  }

  async function connect(): Promise<void> {
    session += 1;
    isLive = false;
    const of = session;
    unstall = () => undefined;
    const came = scheduler.now();
    for (;;) {
      const instance = await world.someInstance();
      const opened: Following[] = [];
      try {
        if (cursor === null && dice.happens(0.7)) await readPage(instance, of);
        const asked = { newest: history.newest(logId), calm: world.isCalm() };
        const position = await callInstance(world, instance, (signal) => {
          const following = world.follow(instance, logId);
          opened.push(following);
          return following.begin(cursor, signal);
        });
        const [following] = opened;
        if (session === of && instance.alive() && following !== undefined) {
          const waited = scheduler.now() - came;
          if (waited > maxLagMs) history.violate('LOG-9', `${name} was let in after ${waited} ms`);
          began(position, asked);
          run(instance, following, of, position);
          return;
        }
      } catch (error) {
        const code = codeOf(error);
        const isRefused = code === 'BAD_CURSOR' || code === 'CURSOR_EXPIRED';
        if (isRefused && session === of) refused(code);
        else if (!isRefused && code !== 'UNAVAILABLE' && code !== 'CONNECTION') throw error;
      }
      instance.enter(() => {
        for (const following of opened) following.leave();
      });
      await scheduler.sleep(dice.between(5, 100));
      if (session !== of) return;
    }
  }

  void connect();
  return {
    name,
    move() {
      leave();
      leave = () => undefined;
      session += 1;
      scheduler.after(settled ? 1 : dice.between(0, 600), () => void connect());
    },
    stall(ms) {
      if (stalled) return;
      stalled = true;
      scheduler.after(ms, () => {
        stalled = false;
        unstall();
      });
    },
    settle: () => void (settled = true),
    check() {
      const newest = history.newest(logId);
      if (last !== newest) history.violate('LOG-4', `${name} ended at ${last} of ${newest}`);
      for (const [number, call] of held) {
        if (number < history.first(logId)) continue;
        const record = set.at(logId, number, set.view());
        if (record?.call !== call) history.violate('LOG-3', `${name} holds another ${number} than the log`);
      }
    },
  };
}
