import type { LogEvent } from '../log/log-bus.js';
import type { Message } from '../messages/message.js';

/** Topic → what travels on it. The id of `message` is the room's; the others have the id `all`. */
export interface Payloads {
  message: LogEvent<Message>;
  /** A new revision of the ranking was taken. */
  roomRanking: { readonly epoch: string; readonly revision: number };
  visitorRenamed: { readonly visitorId: string; readonly displayName: string };
}

export type Topic = keyof Payloads;
export type Payload<T extends Topic> = Payloads[T];

/** How a topic's payload becomes text and comes back. */
export interface Codec<T extends Topic> {
  encode(payload: Payload<T>): string;
  /** @throws any error when the text is not what `encode` makes. */
  decode(text: string): Payload<T>;
}
