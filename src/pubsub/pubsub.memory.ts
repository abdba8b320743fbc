import { createListeners, type Listeners } from '../lib/listeners.js';
import type { Logger } from '../lib/logger.js';
import type { PubSub } from './pubsub.js';
import type { Payload, Topic } from './topics.js';

type ListenersById = { readonly [T in Topic]: Map<string, Listeners<Payload<T>>> };

/**
 * The port within one process. Listeners are called in a microtask after the turn that published, in the order
 * of publishing, with the very object that was published: a publisher never runs a listener's code, and never
 * sees it throw. The mode is always `push`.
 */
export function createMemoryPubSub({ log }: { log: Logger }): PubSub {
  const listeners: ListenersById = { message: new Map(), roomRanking: new Map(), visitorRenamed: new Map() };
  let stopped = false;

  const failed = (topic: Topic, error: unknown): void =>
    log.error({ err: error, topic }, 'a listener of an event failed');

  function deliver<T extends Topic>(topic: T, id: string, payload: Payload<T>): void {
    const byId: Map<string, Listeners<Payload<T>>> = listeners[topic];
    byId.get(id)?.tell(payload);
  }

  return {
    publish(topic, id, payload) {
      if (!stopped) queueMicrotask(() => deliver(topic, id, payload));
    },
    subscribe<T extends Topic>(topic: T, id: string, listener: (payload: Payload<T>) => void) {
      const byId: Map<string, Listeners<Payload<T>>> = listeners[topic];
      const members = byId.get(id) ?? createListeners<Payload<T>>((error) => failed(topic, error));
      byId.set(id, members);
      const end = members.add(listener);
      return {
        ready: Promise.resolve(),
        close() {
          end();
          if (members.isEmpty() && byId.get(id) === members) byId.delete(id);
        },
      };
    },
    mode: () => 'push',
    onMode: () => () => undefined,
    stop() {
      stopped = true;
      for (const byId of Object.values(listeners)) byId.clear();
    },
  };
}
