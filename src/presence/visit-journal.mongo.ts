import type { Collection } from 'mongodb';
import { upserted, withSignal, within } from '../mongo/answers.js';
import type { Mongo } from '../mongo/mongo.js';
import type { Visit, VisitJournal } from './visit-journal.js';

/**
 * `_id`: room and visitor. A text, and not a document of both: not every server of MongoDB's protocol finds those by
 * its index (with 7,000 visits an upsert took 17 ms on one, by a text 0.7 ms).
 */
interface VisitDocument {
  readonly _id: string;
  readonly at: Date;
}

const BATCH_VISITS = 1000;
/** Between room and visitor; no identifier holds one. */
const SPACE = ' ';

/** How old the youngest of each is, by `_id`: two upserts of one must not meet in one call. */
function youngest(visits: readonly Visit[]): ReadonlyMap<string, number> {
  const ages = new Map<string, number>();
  for (const { roomId, visitorId, ageMs } of visits) {
    const id = `${roomId}${SPACE}${visitorId}`;
    ages.set(id, Math.min(ageMs, ages.get(id) ?? ageMs));
  }
  return ages;
}

/**
 * The journal of visits in MongoDB, by MongoDB's clock, so that instances whose clocks differ agree. MongoDB
 * forgets old visits by itself (src/mongo/schema.ts).
 */
export function createMongoVisitJournal({ mongo }: { mongo: Mongo }): VisitJournal {
  const visits: Collection<VisitDocument> = mongo.db.collection('visits');

  /**
   * The clock was set back since, or a member took over whose clock is behind: a visit of the future would be the
   * youngest of all until the clock is there again.
   */
  const setBack = (present: Date, signal: AbortSignal) =>
    within(signal, () =>
      visits.updateMany({ at: { $gt: present } }, { $set: { at: present } }, withSignal(signal, {})),
    );

  return {
    async record(seen, signal) {
      if (seen.length === 0) return;
      const now = await mongo.now(signal);
      const updates = [...youngest(seen)].map(([id, ageMs]) => ({
        updateOne: {
          filter: { _id: { $eq: id } },
          update: { $max: { at: new Date(now - ageMs) } },
          upsert: true,
        },
      }));
      await upserted(() =>
        within(signal, () => visits.bulkWrite(updates, withSignal(signal, { ordered: false }))),
      );
    },

    async *recent(maxAgeMs, signal) {
      const now = await mongo.now(signal);
      const cursor = visits.find(
        { at: { $gt: new Date(now - maxAgeMs) } },
        { batchSize: BATCH_VISITS, signal },
      );
      let isAhead = false;
      try {
        while (await within(signal, () => cursor.hasNext())) {
          const found = cursor.readBufferedDocuments(BATCH_VISITS);
          isAhead ||= found.some(({ at }) => at.getTime() > now);
          yield found.map(({ _id, at }) => {
            const [roomId = '', visitorId = ''] = _id.split(SPACE);
            return { roomId, visitorId, ageMs: Math.max(0, now - at.getTime()) };
          });
        }
        // Not before: the cursor would pass over what moves.
        if (isAhead) await setBack(new Date(now), signal);
      } finally {
        cursor.close().catch(() => undefined);
      }
    },
  };
}
