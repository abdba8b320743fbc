import type { Logger } from '../lib/logger.js';
import type { PubSub } from './pubsub.js';
import type { Payload, Topic } from './topics.js';

type Listener<T extends Topic> = (payload: Payload<T>) => void;
type Listeners = { readonly [T in Topic]: Map<string, Set<Listener<T>>> };

/**
 * The port within one process. Listeners are called in a microtask after the turn that published, in the order
 * of publishing, with the very object that was published: a publisher never runs a listener's code, and never
 * sees it throw. The mode is always `push`.
 */
export function createMemoryPubSub({ log }: { log: Logger }): PubSub {
  const listeners: Listeners = { message: new Map(), roomRanking: new Map(), visitorRenamed: new Map() };
  let stopped = false;

  function deliver<T extends Topic>(topic: T, id: string, payload: Payload<T>): void {
    const byId: Map<string, Set<Listener<T>>> = listeners[topic];
    for (const listener of byId.get(id) ?? []) {
      try {
        listener(payload);
      } catch (error) {
        log.error({ err: error, topic }, 'a listener of an event failed');
      }
    }
  }

  return {
    publish(topic, id, payload) {
      if (!stopped) queueMicrotask(() => deliver(topic, id, payload));
    },
    subscribe<T extends Topic>(topic: T, id: string, listener: Listener<T>) {
      const byId: Map<string, Set<Listener<T>>> = listeners[topic];
      // One function may subscribe twice: each subscription is its own.
      const own: Listener<T> = (payload) => listener(payload);
      const members = byId.get(id) ?? new Set<Listener<T>>();
      members.add(own);
      byId.set(id, members);
      return {
        ready: Promise.resolve(),
        close() {
          members.delete(own);
          if (members.size === 0 && byId.get(id) === members) byId.delete(id);
        },
      };
    },
    mode: () => 'push',
    onMode: () => () => undefined,
    stop() {
      stopped = true;
      for (const byId of Object.values(listeners)) byId.clear();
      return Promise.resolve();
    },
  };
}
