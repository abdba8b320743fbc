import type { Collection } from 'mongodb';
import { isDuplicate, until, within } from '../mongo/answers.js';
import type { Mongo } from '../mongo/mongo.js';
import type { Visit, VisitJournal } from './visit-journal.js';

interface VisitDocument {
  readonly _id: { readonly room: string; readonly visitor: string };
  readonly at: Date;
}

const BATCH_VISITS = 1000;

/** The youngest of each: two upserts of one id must not meet in one call. */
function youngest(visits: readonly Visit[]): readonly Visit[] {
  const found = new Map<string, Visit>();
  for (const visit of visits) {
    const pair = `${visit.roomId} ${visit.visitorId}`;
    const known = found.get(pair);
    if (known === undefined || visit.ageMs < known.ageMs) found.set(pair, visit);
  }
  return [...found.values()];
}

/**
 * The journal of visits in MongoDB, by MongoDB's clock, so that instances whose clocks differ agree. MongoDB
 * forgets old visits by itself (src/mongo/schema.ts).
 */
export function createMongoVisitJournal({ mongo }: { mongo: Mongo }): VisitJournal {
  const visits: Collection<VisitDocument> = mongo.db.collection('visits');

  /** What MongoDB's clock shows, in ms since the epoch. */
  async function databaseNow(signal: AbortSignal): Promise<number> {
    const hello = await within(signal, () => mongo.db.command({ hello: 1 }, { signal }));
    const { localTime }: { localTime?: unknown } = hello;
    if (!(localTime instanceof Date)) throw new Error('MongoDB did not tell its time');
    return localTime.getTime();
  }

  return {
    async record(seen, signal) {
      if (seen.length === 0) return;
      const now = await databaseNow(signal);
      const updates = youngest(seen).map(({ roomId, visitorId, ageMs }) => ({
        updateOne: {
          filter: { _id: { $eq: { room: roomId, visitor: visitorId } } },
          update: { $max: { at: new Date(now - ageMs) } },
          upsert: true,
        },
      }));
      const write = () => within(signal, () => visits.bulkWrite(updates, until(signal, { ordered: false })));
      try {
        await write();
      } catch (error) {
        // Two instances made the same visit at once; now both find it.
        if (!isDuplicate(error)) throw error;
        await write();
      }
    },

    async *recent(maxAgeMs, signal) {
      const now = await databaseNow(signal);
      const cursor = visits.find(
        { at: { $gt: new Date(now - maxAgeMs) } },
        { batchSize: BATCH_VISITS, signal },
      );
      try {
        while (await within(signal, () => cursor.hasNext())) {
          yield cursor.readBufferedDocuments(BATCH_VISITS).map(({ _id, at }) => ({
            roomId: _id.room,
            visitorId: _id.visitor,
            ageMs: Math.max(0, now - at.getTime()),
          }));
        }
      } finally {
        cursor.close().catch(() => undefined);
      }
    },
  };
}
