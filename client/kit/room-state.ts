import type { FollowedMessageFragment } from './__generated__/operations.js';
import type { RequestError } from './request-error.js';

/** One message as it was read. For the author's present name ask `RoomState.names`. */
export type RoomMessage = FollowedMessageFragment;

/** What is held of one room. */
export interface RoomState {
  /**
   * `loading` until the first page is there · `ready` · `missing` no such room · `ended` nothing can ever follow ·
   * `failed` the server's `problem` is not one that a retry heals.
   */
  readonly phase: 'loading' | 'ready' | 'missing' | 'ended' | 'failed';
  /** Without a hole, in the order of `number`, each once. */
  readonly messages: readonly RoomMessage[];
  /** Whether there are messages before the first one held. */
  readonly hasOlder: boolean;
  readonly loadingOlder: boolean;
  /** Whether there may be messages behind the last one held, which come with `loadNewer` alone. */
  readonly hasNewer: boolean;
  readonly loadingNewer: boolean;
  /** Number of the newest message that is known of, held or not; 0 when there is none. */
  readonly newest: number;
  /** The newest known name of each author, by identifier. */
  readonly names: ReadonlyMap<string, string>;
  /** What is being tried again, or, with `failed`, what cannot be. */
  readonly problem: RequestError | null;
}

/** What is held before anything was read. */
export const EMPTY_ROOM: RoomState = {
  phase: 'loading',
  messages: [],
  hasOlder: false,
  loadingOlder: false,
  hasNewer: false,
  loadingNewer: false,
  newest: 0,
  names: new Map(),
  problem: null,
};
