import type { ConnectionState, OutboxEntry, RoomMessage } from '../kit/index.js';
import { VISITOR_CHANGED } from '../kit/index.js';
import type { RoomRowFragment } from '../src/__generated__/operations.js';
import {
  CONVERSATION,
  LONG_NAME,
  LONG_ROOM_NAME,
  VIEWER,
  WIDE_NAME,
  manyMessages,
  message,
  room,
  unsent,
} from './fixtures.js';

/** One state of the client, and what its server says in it. */
export interface Scene {
  readonly title: string;
  /** Of who looks. Default: that of `VIEWER`. */
  readonly displayName?: string;
  /** Default: `connected`. */
  readonly connection?: ConnectionState;
  /** Default: `ROOMS`; with null the server does not answer. */
  readonly rooms?: readonly RoomRowFragment[] | null;
  /** The room that is open; left out, none is. */
  readonly open?: string;
  /** Of the open room. Default: none; with null the server does not answer. */
  readonly messages?: readonly RoomMessage[] | null;
  /** The code that the open room is refused with. */
  readonly refusal?: string;
  /** What is kept of the open room from last time. */
  readonly kept?: readonly RoomMessage[];
  /** The number read last in the open room. */
  readonly lastRead?: number;
  readonly unsent?: readonly OutboxEntry[];
  /** How long the server asks to wait with sending, in milliseconds. */
  readonly pauseMs?: number;
  /** How often a refused token made a fresh guest. */
  readonly replaced?: number;
}

const MANY = 10_000;
const PAUSE_MS = 60_000;
const WAITING = [unsent('u1', 'Typed on the train, in a tunnel.'), unsent('u2', 'It goes out by itself.')];
const courtyard = { open: 'courtyard', messages: CONVERSATION, lastRead: CONVERSATION.length };

/** Every state, by the name in the address. */
export const SCENES: Readonly<Record<string, Scene>> = {
  rooms: { title: 'Rooms' },
  'no-rooms': { title: 'No rooms', rooms: [] },
  loading: { title: 'Loading', connection: 'connecting', rooms: null, open: 'courtyard', messages: null },
  'empty-room': { title: 'A room without messages', open: 'empty', messages: [] },
  conversation: { title: 'A conversation: every kind of message', ...courtyard },
  unread: { title: 'Opened with unread messages', ...courtyard, lastRead: 11 },
  'long-names': {
    title: 'Long names',
    rooms: [room('long', LONG_ROOM_NAME, message(2, LONG_NAME, 'Hello'), 99_999)],
    open: 'long',
    displayName: WIDE_NAME,
    messages: [
      message(1, LONG_NAME, 'A name may have forty characters.'),
      message(2, LONG_NAME, 'Hello'),
      { ...message(3, WIDE_NAME, 'Mine too.'), author: { ...VIEWER, displayName: WIDE_NAME } },
    ],
    unsent: [{ ...unsent('u1', 'On its way.'), roomId: 'long' }],
  },
  'ten-thousand': {
    title: 'Ten thousand messages',
    rooms: [room('many', 'Ten thousand', manyMessages(MANY).at(-1) ?? null)],
    open: 'many',
    messages: manyMessages(MANY),
  },
  unsent: {
    title: 'Messages that were not sent',
    ...courtyard,
    unsent: [
      unsent('u1', 'On its way.'),
      unsent('u2', 'Refused.', 'INVALID_INPUT', 'This text has too many marks on one letter.'),
      unsent('u3', 'Perhaps sent as somebody else.', VISITOR_CHANGED),
      unsent('u4', 'Refused with a code that is new.', 'NEW_CODE', 'The server says why in its own words.'),
    ],
  },
  paused: {
    title: 'The server asks to wait with sending',
    ...courtyard,
    unsent: WAITING,
    pauseMs: PAUSE_MS,
  },
  reconnecting: { title: 'Reconnecting', ...courtyard, connection: 'reconnecting', unsent: WAITING },
  offline: { title: 'Offline', ...courtyard, connection: 'offline', unsent: WAITING },
  'offline-start': {
    title: 'Started without a network',
    connection: 'offline',
    open: 'courtyard',
    messages: null,
    kept: CONVERSATION,
  },
  closed: { title: 'Disconnected for good', ...courtyard, connection: 'closed' },
  'not-found': { title: 'No such room', open: 'nowhere', refusal: 'ROOM_NOT_FOUND' },
  failed: { title: 'A room that cannot be followed', open: 'courtyard', refusal: 'NEW_CODE' },
  'new-guest': { title: 'A fresh guest after a refused token', ...courtyard, replaced: 1 },
};
