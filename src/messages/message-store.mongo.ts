import {
  MongoBulkWriteError,
  MongoWriteConcernError,
  type ClientSession,
  type Collection,
  type ReadConcernLevel,
} from 'mongodb';
import type { Appended, LogSession } from '../log/log-store.js';
import { byIds, DUPLICATE_KEY, duplicateIndex, isDuplicate, withSignal, within } from '../mongo/answers.js';
import type { Mongo } from '../mongo/mongo.js';
import { MESSAGES_KEY } from '../mongo/schema.js';
import type { RoomDocument } from '../rooms/room-store.mongo.js';
import type { Message } from './message.js';
import type { MessageStore } from './message-store.js';

interface MessageDocument {
  /** `<room>:<number>`: point reads of many rooms in one question. */
  readonly _id: string;
  readonly roomId: string;
  readonly number: number;
  readonly authorId: string;
  readonly text: string;
  readonly createdAt: Date;
  readonly key: string;
  readonly call: string;
}

/** Stretch of numbers read at once on the way to the newest. */
const STRETCH = 256;

const idOf = (roomId: string, number: number): string => `${roomId}:${number}`;

const toDocument = ({ logId, ...message }: Message): MessageDocument => ({
  _id: idOf(logId, message.number),
  roomId: logId,
  ...message,
});

const toMessage = ({ roomId, number, authorId, text, createdAt, key, call }: MessageDocument): Message => ({
  logId: roomId,
  number,
  authorId,
  text,
  createdAt,
  key,
  call,
});

const refused = (words: string | undefined, landed: number): Appended => ({
  outcome: duplicateIndex(words) === MESSAGES_KEY ? 'duplicate' : 'conflict',
  landed,
});

/**
 * What a failed ordered insert left behind. Known only when a duplicate stopped it and no write-concern error
 * came beside it: such an error means that even the prefix may be rolled back.
 */
function outcomeOf(error: unknown): Appended {
  const unknown: Appended = { outcome: 'unknown', landed: 0, cause: error };
  if (error instanceof MongoBulkWriteError) {
    if (error.result.getWriteConcernError() !== undefined) return unknown;
    const [first] = error.result.getWriteErrors();
    return first?.code === DUPLICATE_KEY ? refused(first.errmsg, first.index) : unknown;
  }
  // Of one alone the driver throws the write-concern error, if there is one, in the place of what came beside it.
  if (error instanceof MongoWriteConcernError || !isDuplicate(error)) return unknown;
  return refused(error.errmsg, 0);
}

/** Messages in MongoDB: numbers and keys are kept unique by indexes, so an insert is the whole of an append. */
export function createMongoMessageStore({ mongo }: { mongo: Mongo }): MessageStore {
  const messages: Collection<MessageDocument> = mongo.db.collection('messages');
  const rooms: Collection<RoomDocument> = mongo.db.collection('rooms');
  const sessions = new WeakMap<LogSession, ClientSession>();
  const inSession = (session: LogSession | null): { session?: ClientSession } => {
    const found = session === null ? undefined : sessions.get(session);
    return found === undefined ? {} : { session: found };
  };

  /** The messages with `after < number ≤ through`, ascending. */
  async function stretch(
    roomId: string,
    after: number,
    through: number,
    session: LogSession | null,
    signal: AbortSignal,
  ): Promise<readonly Message[]> {
    // Point reads: a range costs some servers of this protocol the more the longer the room is.
    const ids = Array.from({ length: through - after }, (_, index) => idOf(roomId, after + 1 + index));
    const [filter, options] = byIds(ids, signal);
    const documents = await messages.find(filter, { ...options, ...inSession(session) }).toArray();
    return documents.map(toMessage).toSorted((one, other) => one.number - other.number);
  }

  /** One question per document: the level holds only for a filter that names one. */
  const surely = <Document>(
    ids: readonly string[],
    ask: (id: string, level: { readConcern: { level: ReadConcernLevel } }) => Promise<Document | null>,
  ): Promise<readonly Document[]> =>
    Promise.all(ids.map((id) => ask(id, { readConcern: { level: mongo.surest } }))).then((found) =>
      found.filter((document) => document !== null),
    );

  /** The newest message at `from` or above; null when `from` itself is not there: then it is of another history. */
  async function climb(
    roomId: string,
    from: number,
    session: LogSession | null,
    signal: AbortSignal,
  ): Promise<Message | null> {
    let [after, last]: [number, Message | null] = [from - 1, null];
    for (;;) {
      const found = await stretch(roomId, after, after + STRETCH, session, signal);
      if (last === null && found[0]?.number !== from) return null;
      last = found.at(-1) ?? last;
      if (last === null || last.number < after + STRETCH) return last;
      after = last.number;
    }
  }

  async function newest(
    roomId: string,
    session: LogSession | null,
    signal: AbortSignal,
    from: number,
  ): Promise<Message | null> {
    const above = from > 0 ? await climb(roomId, from, session, signal) : null;
    if (above !== null) return above;
    const room = await rooms.findOne(
      { _id: { $eq: roomId } },
      { projection: { head: 1 }, signal, ...inSession(session) },
    );
    const hinted = await climb(roomId, Math.max(1, room?.head ?? 1), session, signal);
    if (hinted !== null) return hinted;
    const [sorted] = await messages
      .find({ roomId: { $eq: roomId } }, { sort: { number: -1 }, limit: 1, signal, ...inSession(session) })
      .toArray();
    return sorted === undefined ? null : toMessage(sorted);
  }

  return {
    session() {
      const session = mongo.client.startSession({ causalConsistency: true });
      const handle: LogSession = {
        end() {
          // Nobody waits for this: the server forgets a session that was not ended, too.
          session.endSession().catch(() => undefined);
        },
      };
      sessions.set(handle, session);
      return handle;
    },

    async append(batch, session, signal): Promise<Appended> {
      try {
        // Never unordered: what lands must be a prefix.
        const options = withSignal(signal, { ordered: true, ...inSession(session) });
        const documents = batch.map(toDocument);
        const [only, another] = documents;
        // Most batches are of one, which costs the driver 0.6 ms of processor, and as a bulk 0.8.
        await within<unknown>(signal, () =>
          only !== undefined && another === undefined
            ? messages.insertOne(only, options)
            : messages.insertMany(documents, options),
        );
        return { outcome: 'landed', landed: batch.length };
      } catch (error) {
        return outcomeOf(error);
      }
    },

    async get(positions, level, signal) {
      if (positions.length === 0) return [];
      const ids = positions.map(({ logId, number }) => idOf(logId, number));
      const documents = await within(signal, () =>
        level === 'linearizable'
          ? surely(ids, (id, sure) => messages.findOne({ _id: { $eq: id } }, { ...sure, signal }))
          : messages.find(...byIds(ids, signal)).toArray(),
      );
      return documents.map(toMessage);
    },

    range: (logId, after, through, signal) =>
      within(signal, () => stretch(logId, after, through, null, signal)),

    async byKey(logId, authorId, key, session, signal) {
      const filter = { roomId: { $eq: logId }, authorId: { $eq: authorId }, key: { $eq: key } };
      const found = await within(signal, () => messages.findOne(filter, { signal, ...inSession(session) }));
      return found === null ? null : toMessage(found);
    },

    newest: (logId, session, signal, from = 0) => within(signal, () => newest(logId, session, signal, from)),

    async firsts(logIds, level, signal) {
      const options = { projection: { first: 1 }, signal };
      const found = await within(signal, () =>
        level === 'linearizable'
          ? surely(logIds, (id, sure) => rooms.findOne({ _id: { $eq: id } }, { ...options, ...sure }))
          : rooms.find({ _id: { $in: [...logIds] } }, options).toArray(),
      );
      return new Map(found.map(({ _id, first }) => [_id, first]));
    },
  };
}
