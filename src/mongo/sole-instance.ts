import { sleep, type Clock } from '../lib/clock.js';
import { CodedError } from '../lib/coded-error.js';
import { every } from '../lib/every.js';
import type { Ids } from '../lib/ids.js';
import type { Logger } from '../lib/logger.js';
import { firstLine, StartError } from '../lib/start-error.js';
import { isDuplicate, within } from './answers.js';
import type { Mongo } from './mongo.js';

/** A claim lasts this long unless it is renewed: what a killed instance leaves behind is waited for. */
const CLAIM_MS = 6000;
const RENEWAL_MS = 2000;
const CALL_LIMIT_MS = 1500;
const RETRY_MS = 500;

interface Claim {
  readonly _id: string;
  readonly owner: string;
  readonly until: Date;
}

/**
 * Claims a database for one instance that runs without Redis: a second one beside it would hear nothing of its
 * messages. Times are MongoDB's own. Waits for MongoDB as long as it takes, and resolves with how to give the claim back.
 *
 * @param deps.signal - gives up waiting, and throws its reason.
 * @throws StartError when another instance holds it, and goes on renewing it, or MongoDB refuses us.
 */
export async function claimAlone(deps: {
  mongo: Mongo;
  clock: Clock;
  ids: Ids;
  log: Logger;
  signal: AbortSignal;
}): Promise<() => Promise<void>> {
  const { mongo, clock, ids, log } = deps;
  const claims = mongo.db.collection<Claim>('claims');
  const owner = ids.uuid();

  async function claim(): Promise<boolean> {
    const signal = clock.deadline(CALL_LIMIT_MS);
    const now = await mongo.now(signal);
    const free = { _id: 'instance', $or: [{ owner: { $eq: owner } }, { until: { $lt: new Date(now) } }] };
    const renewed = { $set: { owner, until: new Date(now + CLAIM_MS) } };
    try {
      await within(signal, () => claims.updateOne(free, renewed, { upsert: true }));
      return true;
    } catch (error) {
      if (isDuplicate(error)) return false;
      throw error;
    }
  }

  let isTold = false;
  /** As `claim`; null when MongoDB does not answer now. */
  async function tryClaim(): Promise<boolean | null> {
    try {
      return await claim();
    } catch (error) {
      if (!(error instanceof CodedError)) {
        throw new StartError(`MONGODB_URL: this database cannot be claimed: ${firstLine(error)}`, {
          cause: error,
        });
      }
      if (!isTold) log.warn({ reason: firstLine(error.cause) }, 'waiting for MongoDB (MONGODB_URL)');
      isTold = true;
      return null;
    }
  }

  const patience = clock.monotonic() + CLAIM_MS + RENEWAL_MS;
  for (;;) {
    deps.signal.throwIfAborted();
    const claimed = await tryClaim();
    if (claimed === true) break;
    if (claimed === false && clock.monotonic() > patience) {
      throw new StartError(
        'MONGODB_URL: another instance runs on this database. Set REDIS_URL to run several',
      );
    }
    await sleep(clock, RETRY_MS);
  }

  async function renew(): Promise<void> {
    if (!(await claim()))
      log.error({}, 'another instance has claimed this database; set REDIS_URL to run several');
  }
  const stop = every(clock, RENEWAL_MS, renew, (error) =>
    log.warn({ reason: firstLine(error) }, 'the claim of this database could not be renewed'),
  );
  return async () => {
    stop();
    // Left behind, it would end by itself.
    const released = claims.deleteOne({ _id: 'instance', owner: { $eq: owner } });
    await Promise.race([released.catch(() => undefined), sleep(clock, CALL_LIMIT_MS)]);
  };
}
