import type { Entry } from './payloads.js';
import type { Sink } from './sink.js';

/** What can be left; twice does nothing. An object, not a function: there is one for each subscriber. */
export interface Leavable {
  leave(): void;
}

/** One subscriber of a group: a cursor into the group's source, never a queue. */
export interface Member<Position extends string | number> {
  readonly sink: Sink;
  /** What is left before its sink is told that it failed. */
  readonly subscription: Leavable;
  /** Where it stands: behind the last event that was delivered to it. */
  position: Position;
  /** It has not yet caught up for the first time. */
  replayed: boolean;
  /** Its next read may skip ahead: it has just joined, or its connection has just drained. */
  mayJump: boolean;
  /** Reads that failed one after the other since the last good one. */
  failures: number;
  /** The result it waits for, kept for it whatever the group forgets meanwhile. */
  held: { readonly identity: string; readonly entry: Entry } | null;
  /** Whether it is in line to be served. */
  queued: boolean;
  gone: boolean;
}

/** Whether it can be written to now. */
export const isWritable = ({ sink }: { readonly sink: Sink }): boolean => sink.outlet.writable(sink);

export const createMember = <Position extends string | number>(
  sink: Sink,
  position: Position,
  subscription: Leavable,
): Member<Position> => ({
  sink,
  subscription,
  position,
  replayed: true,
  mayJump: true,
  failures: 0,
  held: null,
  queued: false,
  gone: false,
});
