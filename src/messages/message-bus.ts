import type { Tracing } from '../lib/tracing.js';
import type { LogBus } from '../log/log-bus.js';
import type { PubSub } from '../pubsub/pubsub.js';
import type { MessageTraces } from './message-traces.js';
import type { Message } from './message.js';

/**
 * The bus of the rooms' logs: each room's events go under its own id. An event carries the span in which its message
 * was sent, and where it arrives the span of its delivery is linked to that.
 */
export const createMessageBus = ({
  pubsub,
  tracing,
  traces,
}: {
  pubsub: PubSub;
  tracing: Tracing;
  traces: Pick<MessageTraces, 'causeOf'>;
}): LogBus<Message> => ({
  publish(event) {
    const traceparent = traces.causeOf(event.record);
    const told = traceparent === undefined ? event : { ...event, traceparent };
    pubsub.publish('message', event.record.logId, told);
  },
  subscribe: (logId, listener) =>
    pubsub.subscribe('message', logId, (event) => {
      if (event.traceparent === undefined) listener(event);
      else tracing.caused('deliver message', event.traceparent, () => listener(event));
    }),
  mode: () => pubsub.mode(),
  onMode: (listener) => pubsub.onMode(listener),
});
