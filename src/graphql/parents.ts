import type { Problem } from '../lib/problem.js';
import type { LogDelivery, LogPage } from '../log/log.js';
import type { Message } from '../messages/message.js';
import type { RankingChange, Standing } from '../ranking/rank.js';
import type { RankingPage } from '../ranking/ranking-service.js';
import type { RoomRecord } from '../rooms/room-store.js';
import type { Visitor } from '../visitors/visitor.js';

/** What the resolvers of `Room` receive: the record, and its standing where the newest snapshot gives it. */
export interface RoomParent {
  readonly record: RoomRecord;
  readonly standing?: Standing | undefined;
  /** Number of the message that it is told with: the standing may be older than that. */
  readonly toldWith?: number;
}

export type VisitorParent = Visitor;
export type MessageParent = Message;
export type MessageAddedEventParent = LogDelivery<Message>;
export type MessageConnectionParent = LogPage<Message>;
export type RoomsChangedEventParent = RankingChange;
export type RoomConnectionParent = RankingPage;
export interface RoomEdgeParent {
  readonly cursor: string;
  readonly room: RoomParent;
}
export type UserErrorParent = Problem;
