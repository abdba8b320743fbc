import type { Collection } from 'mongodb';
import { unavailable } from '../lib/coded-error.js';
import { byIds, isDuplicate, withSignal, within } from '../mongo/answers.js';
import type { Mongo } from '../mongo/mongo.js';
import type { RoomActivity, RoomPlace, RoomRecord, RoomStore } from './room-store.js';

export interface RoomDocument {
  readonly _id: string;
  readonly name: string;
  readonly nameKey: string;
  readonly createdAt: Date;
  readonly creatorId: string;
  /** Lags behind the log. */
  readonly head: number;
  /** Lags behind the log. */
  readonly activeAt: Date;
  /** Lowest message number that is kept. */
  readonly first: number;
}

const BATCH_ROOMS = 1000;

const toRoom = ({ _id, name, createdAt }: Pick<RoomDocument, '_id' | 'name' | 'createdAt'>): RoomRecord => ({
  id: _id,
  name,
  createdAt,
});

const toActivity = (room: Pick<RoomDocument, '_id' | 'createdAt' | 'head' | 'activeAt'>): RoomActivity => ({
  id: room._id,
  createdAt: room.createdAt,
  head: room.head,
  activeAt: room.activeAt,
});

/** Whether a room of the place's millisecond stands at the place or before it. */
const isPassed = (room: RoomDocument, place: RoomPlace | null): boolean =>
  place !== null && room.createdAt.getTime() === place.createdAt.getTime() && room._id >= place.id;

/** Rooms in MongoDB. */
export function createMongoRoomStore({ mongo }: { mongo: Mongo }): RoomStore {
  const rooms: Collection<RoomDocument> = mongo.db.collection('rooms');

  return {
    async create({ id, nameKey, ...room }, signal) {
      const document = { _id: id, nameKey, ...room, head: 0, activeAt: room.createdAt, first: 1 };
      // One causal session: whoever was in the way is then visible to a majority read.
      const session = mongo.client.startSession({ causalConsistency: true });
      try {
        await within(signal, () => rooms.insertOne(document, withSignal(signal, { session })));
        return { taken: null };
      } catch (error) {
        if (!isDuplicate(error)) throw error;
        const holder = await within(
          signal,
          async () =>
            (await rooms.findOne({ nameKey: { $eq: nameKey } }, { session, signal })) ??
            (await rooms.findOne({ _id: { $eq: id } }, { session, signal })),
        );
        // Rooms are never deleted: a holder that is gone was rolled back by a failover.
        if (holder === null) throw unavailable(error);
        return { taken: { ...toRoom(holder), creatorId: holder.creatorId } };
      } finally {
        session.endSession().catch(() => undefined);
      }
    },

    async byIds(ids, signal) {
      if (ids.length === 0) return [];
      const found = await within(signal, () => rooms.find(...byIds(ids, signal)).toArray());
      return found.map(toRoom);
    },

    async byNameKey(nameKey, signal) {
      const found = await within(signal, () => rooms.findOne({ nameKey: { $eq: nameKey } }, { signal }));
      return found === null ? null : toRoom(found);
    },

    async older(place, limit, except, signal) {
      const filter = place === null ? {} : { createdAt: { $lte: place.createdAt } };
      const options = {
        sort: { createdAt: -1, _id: -1 } as const,
        batchSize: Math.min(limit + except.size + 1, BATCH_ROOMS),
        signal,
      };
      return within(signal, async () => {
        const page: RoomRecord[] = [];
        for await (const room of rooms.find(filter, options)) {
          if (page.length === limit) break;
          if (!isPassed(room, place) && !except.has(room._id)) page.push(toRoom(room));
        }
        return page;
      });
    },

    async raise(raised, signal) {
      if (raised.length === 0) return;
      const updates = raised.map(({ id, head, activeAt }) => ({
        updateOne: { filter: { _id: { $eq: id } }, update: { $max: { head, activeAt } } },
      }));
      await within(signal, () => rooms.bulkWrite(updates, withSignal(signal, { ordered: false })));
    },

    async *activities(since, signal) {
      const filter = since === null ? {} : { createdAt: { $gte: since } };
      const projection = { createdAt: 1, head: 1, activeAt: 1 };
      const cursor = rooms.find(filter, { projection, batchSize: BATCH_ROOMS, signal });
      try {
        while (await within(signal, () => cursor.hasNext())) {
          yield cursor.readBufferedDocuments(BATCH_ROOMS).map(toActivity);
        }
      } finally {
        cursor.close().catch(() => undefined);
      }
    },
  };
}
