import type { Tracing } from '../lib/tracing.js';
import type { Log } from '../log/log.js';
import type { MessageStore } from './message-store.js';
import { type Message, numbered } from './message.js';

/** Most spans that the span of one batch names. */
const MAX_CAUSES = 128;

/**
 * Remembers for a message in which span it was sent, from there to the batch that stores it and to the event that
 * announces it. Without an SDK there is no span, and nothing is remembered.
 */
export function createMessageTraces({ tracing }: { tracing: Tracing }) {
  /** Of what is appended, and of the record that becomes of it. */
  const causes = new WeakMap<object, string>();

  return {
    /** Notes the span in which each append begins. */
    noted: (log: Log<Message>): Log<Message> => ({
      ...log,
      append(logId, entry, signal) {
        const cause = tracing.current();
        if (cause !== null) causes.set(entry, cause);
        return log.append(logId, entry, signal);
      },
    }),

    /** The message that an entry becomes under its number; it was sent in the same span. */
    numbered(entry: Omit<Message, 'number'>, number: number): Message {
      const message = numbered(entry, number);
      const cause = causes.get(entry);
      if (cause !== undefined) causes.set(message, cause);
      return message;
    },

    /** The store with a span around each batch that is written, linked to those in which its messages were sent. */
    traced: (store: MessageStore): MessageStore => ({
      ...store,
      append(batch, session, signal) {
        const of = () => batch.slice(0, MAX_CAUSES).flatMap((message) => causes.get(message) ?? []);
        const attributes = { 'chat.batch_size': batch.length };
        return tracing.span('append messages', attributes, () => store.append(batch, session, signal), of);
      },
    }),

    /** In which span a message was sent, as a `traceparent`; undefined when it is not known. */
    causeOf: (message: Message): string | undefined => causes.get(message),
  };
}

export type MessageTraces = ReturnType<typeof createMessageTraces>;
