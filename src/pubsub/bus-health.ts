import { MS_PER_SECOND, type Clock } from '../lib/clock.js';
import type { Ids } from '../lib/ids.js';
import type { BusMode } from '../log/log-bus.js';

/** How often a token goes over the bus, and how long it may take, in milliseconds. */
export const PROBE_MS = 500;
/** How long nothing may be heard before the carrier is connected anew, in milliseconds. */
export const SILENCE_MS = 2000;
/** How long the carrier may take to put all subscriptions in force, in milliseconds. */
const RESTORE_MS = 3000;
/** One turn of the event loop: what arrived while this process was busy is read before it counts as lost. */
const TURN_MS = 1;

/** What the carrier does for its health. None of these throws. */
export interface BusHealthParts {
  readonly clock: Clock;
  readonly ids: Ids;
  /** Sends a token to this instance alone, over the way that events take. */
  sendToken(token: string): void;
  /** Puts every subscription in force anew and resolves when the carrier acknowledged them. May never settle. */
  restore(): Promise<void>;
  /** Ends the connections, to be opened anew: what looks healthy carries nothing. */
  reconnect(): void;
  /** Called after each change. */
  onMode(mode: BusMode): void;
  /** A token came back after `seconds`. */
  onProbe(seconds: number): void;
  /** A token or a publish was not answered. */
  onFailure(): void;
}

export interface BusHealth {
  mode(): BusMode;
  /** A token arrived. */
  heard(token: string): void;
  /** The carrier is connected, anew or for the first time: nothing is subscribed. */
  connected(): void;
  /** A publish was not answered in time, or the connection ended. */
  failed(): void;
  stop(): void;
}

/**
 * Watches whether what is published arrives. It begins in `polling`. A token that is not back within `PROBE_MS`,
 * a failed publish or a lost connection mean `polling` at once; `push` comes back only after all subscriptions
 * were put in force anew and a token sent after that has arrived. So whoever is told `push` and then reads the
 * store misses nothing.
 */
export function createBusHealth(parts: BusHealthParts): BusHealth {
  const { clock, ids } = parts;
  /** down → restoring (subscriptions) → verifying (a token) → push. */
  let phase: 'down' | 'restoring' | 'verifying' | 'push' = 'down';
  let attempt = 0;
  let restoringSince = 0;
  let heardAt = clock.monotonic();
  let reconnectedAt = heardAt;
  let pending: { readonly token: string; readonly sentAt: number } | null = null;
  let cancelTimer = (): void => undefined;
  let stopped = false;

  function enter(next: typeof phase): void {
    const changed = (phase === 'push') !== (next === 'push');
    phase = next;
    if (changed) parts.onMode(next === 'push' ? 'push' : 'polling');
  }

  function fail(): void {
    parts.onFailure();
    // While subscriptions are being restored nothing is promised yet, so nothing is taken back.
    if (phase === 'push' || phase === 'verifying') enter('down');
  }

  function restore(): void {
    attempt += 1;
    const mine = attempt;
    restoringSince = clock.monotonic();
    enter('restoring');
    parts.restore().then(
      () => {
        if (mine !== attempt || phase !== 'restoring' || stopped) return;
        enter('verifying');
        probe();
      },
      () => {
        if (mine === attempt && phase === 'restoring') enter('down');
      },
    );
  }

  function probe(): void {
    cancelTimer();
    const token = ids.random64();
    pending = { token, sentAt: clock.monotonic() };
    cancelTimer = clock.after(PROBE_MS, () => {
      cancelTimer = clock.after(TURN_MS, judge);
    });
    parts.sendToken(token);
  }

  function judge(): void {
    const now = clock.monotonic();
    if (pending !== null) {
      fail();
      if (now - heardAt >= SILENCE_MS && now - reconnectedAt >= SILENCE_MS) {
        reconnectedAt = now;
        parts.reconnect();
      }
    }
    if (phase === 'restoring' && now - restoringSince >= RESTORE_MS) enter('down');
    probe();
  }

  probe();
  return {
    mode: () => (phase === 'push' ? 'push' : 'polling'),
    heard(token) {
      if (stopped || token !== pending?.token) return;
      heardAt = clock.monotonic();
      parts.onProbe((heardAt - pending.sentAt) / MS_PER_SECOND);
      pending = null;
      if (phase === 'verifying') enter('push');
      else if (phase === 'down') restore();
    },
    connected() {
      if (stopped) return;
      if (phase === 'push' || phase === 'verifying') enter('down');
      restore();
    },
    failed() {
      if (!stopped) fail();
    },
    stop() {
      stopped = true;
      cancelTimer();
    },
  };
}
