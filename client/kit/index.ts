/**
 * Follow and talk in Madang rooms from any TypeScript client, without losing or repeating anything. Knows no
 * framework.
 */
export {
  createMemoryStorage,
  systemEnvironment,
  type Environment,
  type KeyValueStorage,
} from './environment.js';
export { forgivingStorage } from './forgiving-storage.js';
export { browserExclusive, type Exclusive } from './exclusive.js';
export { alwaysOnline, browserNetwork, type Network } from './network.js';
export { createSocket, type ConnectionState, type Socket, type SocketOptions } from './socket.js';
export type { AnyVariables, Connection, Sink } from './connection.js';
export { followRoom, type FollowedRoom } from './follow-room.js';
export type { RoomMessage, RoomState } from './room-state.js';
export {
  applyRoomsChange,
  createRoomList,
  followRooms,
  type RoomListPage,
  type RoomListSource,
  type RoomListState,
  type RoomListTarget,
  type RoomsChange,
} from './follow-rooms.js';
export { createOutbox, notYetListed, VISITOR_CHANGED, type Outbox } from './outbox.js';
export {
  createIndexedDbOutboxStore,
  createMemoryOutboxStore,
  type OutboxEntry,
  type OutboxStore,
} from './outbox-store.js';
export { createIndexedDbKeptMessages, type KeptMessages } from './kept-messages.js';
export { createUnread, unreadCount, type Unread } from './unread.js';
export { createBackoff, type Backoff } from './backoff.js';
export {
  isObject,
  remedyFor,
  RequestError,
  toRequestError,
  type KitCode,
  type Remedy,
} from './request-error.js';
export { retryReads } from './exchanges/retry-reads.js';
export { RESUME_AFTER, socketExchange } from './exchanges/socket-exchange.js';
export { createStore, type Readable, type Store } from './store.js';
