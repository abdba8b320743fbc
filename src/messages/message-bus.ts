import type { LogBus } from '../log/log-bus.js';
import type { PubSub } from '../pubsub/pubsub.js';
import type { Message } from './message.js';

/** The bus of the rooms' logs: each room's events go under its own id. */
export const createMessageBus = (pubsub: PubSub): LogBus<Message> => ({
  publish: (event) => pubsub.publish('message', event.record.logId, event),
  subscribe: (logId, listener) => pubsub.subscribe('message', logId, listener),
  mode: () => pubsub.mode(),
  onMode: (listener) => pubsub.onMode(listener),
});
