import type { Collection, UpdateFilter } from 'mongodb';
import { unavailable } from '../lib/coded-error.js';
import { byIds, isDuplicate, withSignal, within } from '../mongo/answers.js';
import type { Mongo } from '../mongo/mongo.js';
import type { VisitorRecord, VisitorStore } from './visitor-store.js';

interface VisitorDocument {
  readonly _id: string;
  readonly createdAt: Date;
  readonly displayName: string | null;
}

/** Two upserts of one id may meet, and the second is told "duplicate"; it finds the document the next time. */
const MAX_TRIES = 3;

const toVisitor = ({ _id, createdAt, displayName }: VisitorDocument): VisitorRecord => ({
  id: _id,
  createdAt,
  displayName,
});

/** Visitors in MongoDB. */
export function createMongoVisitorStore({ mongo }: { mongo: Mongo }): VisitorStore {
  const visitors: Collection<VisitorDocument> = mongo.db.collection('visitors');

  /** An update that changes nothing waits for the majority too, so an existing visitor is as durable as a new one. */
  async function upsert(
    id: string,
    update: UpdateFilter<VisitorDocument>,
    signal: AbortSignal,
  ): Promise<void> {
    let met: unknown;
    for (let tries = 0; tries < MAX_TRIES; tries += 1) {
      try {
        const options = withSignal(signal, { upsert: true });
        await within(signal, () => visitors.updateOne({ _id: { $eq: id } }, update, options));
        return;
      } catch (error) {
        if (!isDuplicate(error)) throw error;
        met = error;
      }
    }
    throw unavailable(met);
  }

  return {
    ensure: ({ id, createdAt, displayName }, signal) =>
      upsert(id, { $setOnInsert: { createdAt, displayName } }, signal),

    rename: ({ id, createdAt, displayName }, signal) =>
      upsert(id, { $set: { displayName }, $setOnInsert: { createdAt } }, signal),

    async byIds(ids, signal) {
      if (ids.length === 0) return [];
      const found = await within(signal, () => visitors.find(...byIds(ids, signal)).toArray());
      return found.map(toVisitor);
    },
  };
}
