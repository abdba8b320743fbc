import { MongoError, MongoServerError } from 'mongodb';
import { unavailable } from '../lib/coded-error.js';
import { until } from '../lib/until.js';

/** E11000: a unique index has this key already. */
export const DUPLICATE_KEY = 11_000;

/**
 * What a server answers that cannot answer now: failover, shutdown, a write concern or a time limit not met
 * (mongodb/mongo, src/mongo/base/error_codes.yml). Others are faults of ours or of the set-up.
 */
const NOT_NOW: ReadonlySet<number> = new Set([
  6, // HostUnreachable
  7, // HostNotFound
  50, // MaxTimeMSExpired
  64, // WriteConcernTimeout
  79, // UnknownReplWriteConcern
  89, // NetworkTimeout
  91, // ShutdownInProgress
  100, // UnsatisfiableWriteConcern
  112, // WriteConflict
  133, // FailedToSatisfyReadPreference
  134, // ReadConcernMajorityNotAvailableYet
  189, // PrimarySteppedDown
  202, // NetworkInterfaceExceededTimeLimit
  262, // ExceededTimeLimit
  9_001, // SocketException
  10_058, // NotWritablePrimary, of old servers
  10_107, // NotWritablePrimary
  11_600, // InterruptedAtShutdown
  11_601, // Interrupted
  11_602, // InterruptedDueToReplStateChange
  13_435, // NotPrimaryNoSecondaryOk
  13_436, // NotPrimaryOrSecondary
]);

const isSocketError = (error: unknown): boolean =>
  error instanceof Error &&
  'code' in error &&
  typeof error.code === 'string' &&
  /^(E[A-Z]+|ERR_(STREAM|SOCKET|TLS)_[A-Z_]+)$/.test(error.code);

/** Whether the error says that there is no answer now, rather than that the question was wrong. */
export function isNotNow(error: unknown): boolean {
  if (error instanceof MongoServerError) {
    return (
      NOT_NOW.has(Number(error.code)) || error.errorLabels.some((label) => label.startsWith('Retryable'))
    );
  }
  // The driver's own: no server, no connection, no free place in the pool, a closed client. An error of the
  // socket sometimes comes through as Node made it.
  return error instanceof MongoError || isSocketError(error);
}

/**
 * Waits for an answer of MongoDB until `signal` aborts. Pass the signal to the driver too, which then frees the
 * connection; this holds the limit even where the driver does not.
 *
 * @throws CodedError `UNAVAILABLE` when there is none in time, or none now.
 * @throws the driver's error when MongoDB refuses what was asked.
 */
export async function within<Answer>(signal: AbortSignal, ask: () => Promise<Answer>): Promise<Answer> {
  if (signal.aborted) throw unavailable(signal.reason);
  const answer = ask();
  try {
    return await until(signal, answer);
  } catch (error) {
    throw signal.aborted || isNotNow(error) ? unavailable(error) : error;
  }
}

/** The same options with the signal. The driver takes it with every command, though only some of its types say so. */
export function withSignal<Options extends object>(signal: AbortSignal, options: Options): Options {
  const limited = { ...options, signal };
  return limited;
}

/**
 * What `find` takes to read documents by their ids with one command, however many are found: a batch that is not full
 * ends the cursor, and no second command asks for what is not there.
 */
export const byIds = (ids: readonly string[], signal: AbortSignal) =>
  [{ _id: { $in: [...ids] } }, { batchSize: ids.length + 1, signal }] as const;

/** Whether a unique index refused what was written. */
export const isDuplicate = (error: unknown): error is MongoServerError =>
  error instanceof MongoServerError && error.code === DUPLICATE_KEY;

/** Upserts, once more when two instances made the same document at once: now both find it. */
export async function upserted<Answer>(upsert: () => Promise<Answer>): Promise<Answer> {
  try {
    return await upsert();
  } catch (error) {
    if (!isDuplicate(error)) throw error;
    return upsert();
  }
}

/**
 * Name of the index in the words of a duplicate: not every server of this protocol tells more. What a user
 * typed comes behind it.
 */
export const duplicateIndex = (words: string | undefined): string | undefined =>
  words === undefined ? undefined : / index: (\S+) dup key/.exec(words)?.[1];
