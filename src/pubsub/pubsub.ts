import type { BusMode, BusSubscription } from '../log/log-bus.js';
import type { Payload, Topic } from './topics.js';

/**
 * Events between instances, those of this one included. Hints only: they may be lost, repeated and reordered.
 * Nothing here throws or rejects because the carrier is away.
 */
export interface PubSub {
  /** Sends and forgets: nobody waits for it. */
  publish<T extends Topic>(topic: T, id: string, payload: Payload<T>): void;
  /** Delivers what is published under (topic, id) from when `ready` resolves until `close`. What cannot be decoded is dropped and counted. */
  subscribe<T extends Topic>(topic: T, id: string, listener: (payload: Payload<T>) => void): BusSubscription;
  mode(): BusMode;
  /** Calls `listener` after each change of mode; on `push` all subscriptions are in force again. Returns how to end it. */
  onMode(listener: (mode: BusMode) => void): () => void;
  /** Twice does nothing. */
  stop(): void;
}
