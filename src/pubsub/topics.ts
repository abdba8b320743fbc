import { z } from 'zod';
import type { LogEvent } from '../log/log-bus.js';
import { CALL_PATTERN, MAX_TAG } from '../log/log-store.js';
import type { Message } from '../messages/message.js';

/** Topic → what travels on it. The id of `message` is the room's; the others have the id `all`. */
export interface Payloads {
  message: LogEvent<Message> & {
    /** The span in which it was sent (W3C Trace Context), where the sender has an OpenTelemetry SDK. */
    readonly traceparent?: string;
  };
  /** A new revision of the ranking was taken. */
  roomRanking: { readonly epoch: string; readonly revision: number };
  visitorRenamed: { readonly visitorId: string; readonly displayName: string };
}

export type Topic = keyof Payloads;
export type Payload<T extends Topic> = Payloads[T];

/** How a topic's payload becomes text and comes back. */
export interface Codec<T extends Topic> {
  encode(payload: Payload<T>): string;
  /**
   * @param id - the id of the channel that the text arrived on: an event of another room is refused.
   * @throws any error when the text is not what `encode` makes.
   */
  decode(text: string, id: string): Payload<T>;
}

/**
 * Longest event in bytes of UTF-8: the longest message (4,000 characters of 4 bytes) with room to spare. What
 * is longer was not made by this program; it is dropped before it is parsed.
 */
export const MAX_EVENT_BYTES = 65_536;

/** Bounds of what an event may hold; the rules of the domains are tighter. */
const MAX_ID_LENGTH = 128;
const MAX_TEXT_LENGTH = 16_384;
const MAX_KEY_LENGTH = 256;
const MAX_NAME_LENGTH = 1024;
const MAX_DATE_MS = 8.64e15;

const id = z.string().min(1).max(MAX_ID_LENGTH);
const text = (maximum: number) => z.string().max(maximum);
const wholeNumber = (minimum: number, maximum = Number.MAX_SAFE_INTEGER) => z.int().min(minimum).max(maximum);

const messageEvent = z.strictObject({
  logId: id,
  number: wholeNumber(1),
  authorId: id,
  key: z
    .string()
    .max(MAX_KEY_LENGTH)
    .regex(/^[cs]:./su),
  call: z.string().regex(CALL_PATTERN),
  text: text(MAX_TEXT_LENGTH),
  createdAtMs: wholeNumber(-MAX_DATE_MS, MAX_DATE_MS),
  previousTag: wholeNumber(0, MAX_TAG).nullable(),
  writer: z
    .string()
    .regex(/^[0-9a-f]{8}$/)
    .exactOptional(),
  traceparent: z
    .string()
    .regex(/^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/)
    .exactOptional(),
});
const rankingEvent = z.strictObject({ epoch: id, revision: wholeNumber(0) });
const renamedEvent = z.strictObject({ visitorId: id, displayName: text(MAX_NAME_LENGTH) });

const parse = <Schema extends z.ZodType>(schema: Schema, json: string): z.output<Schema> =>
  schema.parse(JSON.parse(json));

const message: Codec<'message'> = {
  encode({ record, previousTag, writer, traceparent }) {
    const { logId, number, authorId, key, call } = record;
    const createdAtMs = record.createdAt.getTime();
    const event: z.input<typeof messageEvent> = {
      logId,
      number,
      authorId,
      key,
      call,
      text: record.text,
      createdAtMs,
      previousTag,
      ...(writer === undefined ? {} : { writer }),
      ...(traceparent === undefined ? {} : { traceparent }),
    };
    return JSON.stringify(event);
  },
  decode(json, id) {
    const { previousTag, createdAtMs, writer, traceparent, ...rest } = parse(messageEvent, json);
    if (rest.logId !== id) throw new Error('The message is of another room.');
    return {
      record: { ...rest, createdAt: new Date(createdAtMs) },
      previousTag,
      ...(writer === undefined ? {} : { writer }),
      ...(traceparent === undefined ? {} : { traceparent }),
    };
  },
};

/** The one table of topics: a topic without a codec does not compile. */
export const codecs: { readonly [T in Topic]: Codec<T> } = {
  message,
  roomRanking: {
    encode: ({ epoch, revision }) => JSON.stringify({ epoch, revision }),
    decode: (json) => parse(rankingEvent, json),
  },
  visitorRenamed: {
    encode: ({ visitorId, displayName }) => JSON.stringify({ visitorId, displayName }),
    decode: (json) => parse(renamedEvent, json),
  },
};
