import type { NewerMessagesQuery, RoomPageQuery } from './__generated__/operations.js';
import type { Connection } from './connection.js';
import { newerMessages, roomPage } from './documents.js';

/** Messages in the first page and in each other one. */
const PAGE_SIZE = 50;

export type RoomPage = NonNullable<RoomPageQuery['room']>['messages'];

/** Reads pages of a room's messages; null when there is no such room. */
export const roomPages = (connection: Connection, roomId: string) => ({
  /** The page before this cursor; the newest one without. */
  async before(before: string | null): Promise<RoomPage | null> {
    const { room } = await connection.execute(roomPage, { roomId, last: PAGE_SIZE, before });
    return room?.messages ?? null;
  },
  async behind(after: string): Promise<NonNullable<NewerMessagesQuery['room']>['messages'] | null> {
    const { room } = await connection.execute(newerMessages, { roomId, first: PAGE_SIZE, after });
    return room?.messages ?? null;
  },
});
