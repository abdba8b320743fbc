import type { OutboxEntry, RoomMessage } from '../kit/index.js';
import type { RoomRowFragment } from '../src/__generated__/operations.js';

/** Who looks at the preview. */
export const VIEWER = { id: 'visitor-robin', displayName: 'Robin' };

const MS_PER_MINUTE = 60_000;
const MINUTES_PER_DAY = 1440;
/** Longest texts that the server takes, in characters. */
const LONGEST_NAME = 40;
const LONGEST_ROOM_NAME = 80;

const visitor = (displayName: string) => ({ id: `visitor-${displayName}`, displayName });

/** Marks that pile up on one letter: as many as the server takes. */
const TOWER = `Z${'\u0301\u0316\u0302\u0317'.repeat(2)}algo`;

export const LONG_NAME = 'Maximiliana-Alexandrina von und zu Hohenfelsenburg'.slice(0, LONGEST_NAME);
export const WIDE_NAME = 'W'.repeat(LONGEST_NAME);
export const LONG_ROOM_NAME =
  'A room with a name that is as long as a name may be, which is eighty characters!'.slice(
    0,
    LONGEST_ROOM_NAME,
  );

/** A message with this number, written so many minutes ago. */
export function message(
  number: number,
  author: string,
  text: string,
  minutesAgo = LONGEST_ROOM_NAME - number,
): RoomMessage {
  return {
    id: `message-${number}`,
    number,
    text,
    createdAt: new Date(Date.now() - minutesAgo * MS_PER_MINUTE).toISOString(),
    idempotencyKey: null,
    author: author === VIEWER.displayName ? VIEWER : visitor(author),
  };
}

/** Everything that a message can be. */
export const CONVERSATION: readonly RoomMessage[] = [
  message(1, 'Mina', 'The lanterns are up.', 2 * MINUTES_PER_DAY),
  message(2, 'Solveig', 'They look lovely from the bridge.', MINUTES_PER_DAY),
  message(3, 'Kai', '', MINUTES_PER_DAY),
  message(4, 'Robin', 'I bring six cups,\nand a lamp.', 40),
  message(5, '준호', '네, 챙겨 갈게요! 약도: https://example.com/courtyard?day=1.', 39),
  message(6, 'Ada', 'w'.repeat(200), 38),
  message(7, 'ליאור', 'שלום לכולם! (Hello)', 37),
  message(8, '\u202eevil\u202c', 'An override \u202ethat turns this around\u202c stays in its message.', 36),
  message(9, TOWER, `${TOWER} `.repeat(6).trim(), 35),
  message(10, '👨‍👩‍👧‍👦 Family', '👨‍👩‍👧‍👦 🏳️‍🌈 🇰🇷 👍🏽', 34),
  message(11, 'Robin', 'See you there.', 33),
  message(12, 'Mina', 'Seven o’clock, then.', 2),
  message(13, 'Kai', 'The drum is here!', 1),
];

/** A room of so many messages. */
export const manyMessages = (count: number): readonly RoomMessage[] =>
  Array.from({ length: count }, (_, index) =>
    message(index + 1, ['Mina', 'Kai', 'Ada'][index % 3] ?? 'Ada', `message ${index + 1}`, count - index),
  );

/** A room of the list. */
export function room(id: string, name: string, latest: RoomMessage | null, visitors = 3): RoomRowFragment {
  return {
    __typename: 'Room',
    id,
    name,
    recentVisitorCount: visitors,
    onlineCount: Math.ceil(visitors / 2),
    messageCount: latest?.number ?? 0,
    latestMessage:
      latest === null
        ? null
        : {
            __typename: 'Message',
            id: latest.id,
            text: latest.text,
            author: { __typename: 'Visitor', ...latest.author },
          },
  } as RoomRowFragment;
}

export const ROOMS: readonly RoomRowFragment[] = [
  room('courtyard', 'Courtyard', CONVERSATION.at(-1) ?? null, 1234),
  room('garden', '마당 이야기', message(9, '준호', '오늘 저녁에 다들 오시나요?'), 4),
  room('one', 'Music', message(2, 'Kai', 'Anyone with a cello?'), 1),
  room('removed', 'Night shift', message(3, 'Solveig', ''), 2),
  room('empty', 'Gardening', null, 0),
  room('long', LONG_ROOM_NAME, message(4, LONG_NAME, 'w'.repeat(300)), 12),
  room('tower', `${TOWER} \u202eback\u202c 👨‍👩‍👧‍👦`, message(5, TOWER, `${TOWER} `.repeat(9)), 5),
];

/** A message of the viewer that is on its way, or was refused. */
export function unsent(
  key: string,
  text: string,
  code: string | null = null,
  words = 'Refused.',
): OutboxEntry {
  return {
    key,
    roomId: 'courtyard',
    text,
    writtenAt: Date.now(),
    visitorId: null,
    failure: code === null ? null : { code, message: words },
    number: null,
  };
}
