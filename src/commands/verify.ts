import type { Config } from '../config.js';
import { roomIdOf } from '../graphql/node.js';
import { systemClock } from '../lib/clock.js';
import { CodedError } from '../lib/coded-error.js';
import { silentLogger, type Logger } from '../lib/logger.js';
import { firstLine, StartError } from '../lib/start-error.js';
import type { LogStore } from '../log/log-store.js';
import type { Message } from '../messages/message.js';
import { createMongoMessageStore } from '../messages/message-store.mongo.js';
import { createSqliteMessageStore } from '../messages/message-store.sqlite.js';
import { openMongo, type Mongo } from '../mongo/mongo.js';
import { openSqliteReader } from '../sqlite/sqlite.js';

/** Records that are read at once: what the port takes. */
const PAGE = 256;
const CALL_LIMIT_MS = 10_000;
const CONNECT_LIMIT_MS = 10_000;

interface OpenStore {
  readonly messages: Pick<LogStore<Message>, 'newest' | 'firsts' | 'range'>;
  close(): void | Promise<void>;
}

/** @throws StartError with the last reason when MongoDB cannot be had in time. */
async function reach(url: string): Promise<Mongo> {
  const signal = systemClock.deadline(CONNECT_LIMIT_MS);
  let reason = 'no answer';
  const warn: Logger['warn'] = (fields) => {
    if ('reason' in fields) reason = String(fields.reason);
  };
  try {
    return await openMongo({
      url,
      keepVisitsMs: null,
      clock: systemClock,
      log: { ...silentLogger, warn },
      signal,
    });
  } catch (error) {
    if (!signal.aborted) throw error;
    throw new StartError(`MONGODB_URL: MongoDB cannot be reached: ${reason}`, { cause: error });
  }
}

async function open(config: Config): Promise<OpenStore> {
  if (config.mongodbUrl === null) {
    const reader = openSqliteReader(config.dataDir);
    const write = () => Promise.reject(new Error('verify writes nothing'));
    return { messages: createSqliteMessageStore({ sqlite: { ...reader, write } }), close: reader.close };
  }
  const mongo = await reach(config.mongodbUrl);
  return { messages: createMongoMessageStore({ mongo }), close: mongo.stop };
}

/**
 * Reads a whole room and says whether its numbers are dense. Changes nothing.
 *
 * @param id - the room's identifier as the API gives it, or the bare one of the store.
 * @returns 0 for a dense room, 1 when numbers are missing.
 * @throws StartError when it cannot be read.
 */
export async function verify(config: Config, id: string, print: (line: string) => void): Promise<number> {
  const roomId = roomIdOf(id) ?? id;
  const store = await open(config);
  try {
    const signal = (): AbortSignal => systemClock.deadline(CALL_LIMIT_MS);
    const first = (await store.messages.firsts([roomId], 'majority', signal())).get(roomId);
    if (first === undefined) throw new StartError(`there is no room ${id}`);
    const head = (await store.messages.newest(roomId, null, signal()))?.number ?? 0;
    let expected = first;
    let missing = 0;
    const tellMissing = (before: number): void => {
      for (; expected < before; expected += 1, missing += 1) print(`message ${expected} is missing`);
    };
    for (let after = first - 1; after < head; after += PAGE) {
      const through = Math.min(after + PAGE, head);
      for (const { number } of await store.messages.range(roomId, after, through, signal())) {
        tellMissing(number);
        expected = number + 1;
      }
    }
    tellMissing(head + 1);
    print(
      missing === 0
        ? `messages ${first} to ${head}: dense, no hole`
        : `${missing} of ${head} messages are missing`,
    );
    return missing === 0 ? 0 : 1;
  } catch (error) {
    if (!(error instanceof CodedError)) throw error;
    const where = config.mongodbUrl === null ? `DATA_DIR ${config.dataDir}` : 'MONGODB_URL';
    throw new StartError(`${where}: the room cannot be read: ${firstLine(error.cause ?? error)}`, {
      cause: error,
    });
  } finally {
    await store.close();
  }
}
