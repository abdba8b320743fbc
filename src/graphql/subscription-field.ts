import type { Context, Services } from '../context.js';
import type { Followed } from '../lib/followed.js';

/**
 * How one field of `Subscription` works. It names a source to follow rather than handing out an iterator, so
 * that subscribers with the same document share one execution per event, wherever each of them started.
 *
 * @typeParam Arguments - the field's coerced arguments.
 * @typeParam Event - what the field's own resolvers receive.
 */
export interface SubscriptionField<
  Arguments,
  Position extends string | number = string | number,
  Event = unknown,
> {
  /** Arguments that only say where to start: they do not keep subscribers from sharing. */
  readonly startArguments: readonly string[];
  /** The client's cursor among the arguments. */
  after(args: Arguments): string | null;
  /**
   * Per subscriber, before it joins: may it, and do its arguments make sense?
   *
   * @throws CodedError when not.
   */
  authorize(args: Arguments, context: Context): Promise<void>;
  /** Opens the source; called once per group of subscribers that share it, and closed with the group. */
  follow(args: Arguments, services: Services): Followed<Position, Event>;
  /** Called when a subscriber is in force; the returned function when it is not any more, whatever ended it. */
  onJoin(args: Arguments, context: Context): () => void;
  /** When that happened which an event tells, if its way to the first subscriber is to be measured. */
  happenedAt?(event: Event): Date | null;
}
