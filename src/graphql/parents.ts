import type { LogDelivery, LogPage } from '../log/log.js';
import type { Message } from '../messages/message.js';
import type { RankingChange, RankingPage, Standing } from '../ranking/ranking-service.js';
import type { RoomRecord } from '../rooms/room-store.js';

/** What the resolvers of `Room` receive: the record, and its standing where a snapshot gave it. */
export interface RoomParent {
  readonly record: RoomRecord;
  readonly standing?: Standing;
}

/** What the resolvers of `Visitor` receive. `displayName` is the present name, made up or chosen. */
export interface VisitorParent {
  readonly id: string;
  readonly displayName: string;
  readonly createdAt: Date;
}

export type MessageParent = Message;
export type MessageAddedEventParent = LogDelivery<Message>;
export type MessageConnectionParent = LogPage<Message>;
export type RoomsChangedEventParent = RankingChange;
export type RoomConnectionParent = RankingPage;
export type RoomEdgeParent = RankingPage['entries'][number];
