import { describe, expect, it } from 'vitest';
import { ask, request } from '../testkit/graphql-client.js';
import { createRoom, createVisitor, MESSAGE_ADDED, sendMessage } from '../testkit/seed.js';
import { openSocket } from '../testkit/socket-client.js';
import { eventually, FOUNDATIONS, useServer } from './world.js';

/** How long a visit counts where it is to end; elsewhere it counts for longer than a test takes. */
const WINDOW_S = 2;
const INTERVAL_MS = 100;

const COUNTS = 'query ($room: ID!) { room(id: $room) { recentVisitorCount onlineCount } }';
const LIST = '{ rooms(first: 100) { nodes { id recentVisitorCount onlineCount } } }';
const VISIT = /* GraphQL */ `
  mutation ($room: ID!) {
    visitRoom(input: { roomId: $room }) {
      room {
        recentVisitorCount
      }
      userErrors {
        code
        field
      }
    }
  }
`;
const ROOMS_CHANGED =
  'subscription { roomsChanged(first: 100) { complete rooms { id recentVisitorCount onlineCount } order } }';

interface Counts {
  readonly recentVisitorCount: number;
  readonly onlineCount: number;
}
interface Changed {
  readonly roomsChanged: { readonly rooms: readonly (Counts & { readonly id: string })[] };
}

const countsAt = async (url: string, room: string): Promise<Counts> =>
  (await ask<{ room: Counts }>(url, COUNTS, { room })).room;
const listedAt = async (url: string, room: string): Promise<Counts | undefined> =>
  (await ask<{ rooms: { nodes: (Counts & { id: string })[] } }>(url, LIST)).rooms.nodes.find(
    ({ id }) => id === room,
  );
/** What was told of a room to one who follows the list. */
const shownOf = ({ data }: { readonly data: readonly Changed[] }, room: string) =>
  data.flatMap(({ roomsChanged }) => roomsChanged.rooms).filter(({ id }) => id === room);

describe.each(FOUNDATIONS)('presence, %s', (name) => {
  const chat = useServer(name, { RANKING_INTERVAL_MS: String(INTERVAL_MS) });
  const counts = (room: string) => countsAt(chat.url, room);
  /** A room and the visitor who made it, and so counts in it. */
  async function ownRoom() {
    const visitor = await createVisitor(chat.url);
    return { visitor, room: await createRoom(chat.url, visitor) };
  }

  it('RANK-2: a visitor is seen at createRoom, at visitRoom and while it holds messageAdded, once', async () => {
    const { room } = await ownRoom();
    const guest = await createVisitor(chat.url);
    expect(await counts(room)).toEqual({ recentVisitorCount: 1, onlineCount: 0 });
    const visited = await ask<{ visitRoom: { room: Counts } }>(
      chat.url,
      VISIT,
      { room },
      { token: guest.token },
    );
    expect(visited.visitRoom.room.recentVisitorCount).toBe(2);
    const socket = await openSocket(chat.url, { token: guest.token });
    socket.subscribe(MESSAGE_ADDED, { roomId: room });
    await eventually(
      () => counts(room),
      ({ onlineCount }) => onlineCount === 1,
    );
    expect(await counts(room)).toEqual({ recentVisitorCount: 2, onlineCount: 1 });
    socket.close();
  });

  it('RANK-2: a visitor that is never stored counts like any other', async () => {
    const { room } = await ownRoom();
    const socket = await openSocket(chat.url);
    socket.subscribe(MESSAGE_ADDED, { roomId: room });
    await eventually(
      () => counts(room),
      ({ recentVisitorCount, onlineCount }) => recentVisitorCount === 2 && onlineCount === 1,
    );
    const { node } = await ask<{ node: unknown }>(chat.url, 'query ($id: ID!) { node(id: $id) { id } }', {
      id: socket.ack.visitor.id,
    });
    expect(node).toBeNull();
    socket.close();
    await eventually(
      () => counts(room),
      ({ onlineCount }) => onlineCount === 0,
    );
  });

  it('RANK-3: fifty sockets of one visitor are one, until the last of them is gone', async () => {
    const { room, visitor } = await ownRoom();
    const sockets = await Promise.all(
      Array.from({ length: 50 }, () => openSocket(chat.url, { token: visitor.token })),
    );
    for (const socket of sockets) socket.subscribe(MESSAGE_ADDED, { roomId: room });
    const one = { recentVisitorCount: 1, onlineCount: 1 };
    await eventually(
      () => counts(room),
      (read) => JSON.stringify(read) === JSON.stringify(one),
    );
    for (const socket of sockets.slice(1)) socket.cut();
    await eventually(
      () => listedAt(chat.url, room),
      (read) => JSON.stringify(read) === JSON.stringify({ id: room, ...one }),
    );
    expect(await counts(room)).toEqual(one);
    sockets[0]!.cut();
    await eventually(
      () => counts(room),
      ({ onlineCount }) => onlineCount === 0,
    );
  });

  it('RANK-3: who joins and leaves fifty times a second is one visitor, and offline when it has left', async () => {
    const { room, visitor } = await ownRoom();
    const socket = await openSocket(chat.url, { token: visitor.token });
    const watcher = await openSocket(chat.url);
    const changes = watcher.subscribe<Changed>(ROOMS_CHANGED);
    const shown = () => shownOf(changes, room);
    // A server that was starved hears of a join and of its end at once, and shows nobody: then the turns go on, and slow down.
    for (let turn = 0; turn < 100 || !shown().some(({ onlineCount }) => onlineCount > 0); turn += 1) {
      const pause = Math.max(10, turn - 90);
      const joined = socket.subscribe(MESSAGE_ADDED, { roomId: room });
      await new Promise((resolve) => setTimeout(resolve, pause));
      joined.stop();
      await new Promise((resolve) => setTimeout(resolve, pause));
    }
    // What is answered here was asked last: every turn was heard.
    await socket.request('{ __typename }');
    await eventually(
      () => counts(room),
      ({ onlineCount }) => onlineCount === 0,
    );
    await eventually(shown, (all) => all.at(-1)?.onlineCount === 0);
    expect(Math.max(...shown().map(({ recentVisitorCount }) => recentVisitorCount))).toBe(1);
    expect(Math.max(...shown().map(({ onlineCount }) => onlineCount))).toBe(1);
    socket.close();
    watcher.close();
  });

  it('RANK-3: a subscription that is opened, closed and opened again does not flicker', async () => {
    const { room, visitor } = await ownRoom();
    const socket = await openSocket(chat.url, { token: visitor.token });
    const watcher = await openSocket(chat.url);
    const changes = watcher.subscribe<Changed>(ROOMS_CHANGED);
    await eventually(
      () => shownOf(changes, room),
      (shown) => shown.length > 0,
    );
    socket.subscribe(MESSAGE_ADDED, { roomId: room }).stop();
    const joined = socket.subscribe(MESSAGE_ADDED, { roomId: room });
    const online = () => shownOf(changes, room).map(({ onlineCount }) => onlineCount);
    await eventually(online, (values) => values.at(-1) === 1);
    joined.stop();
    await eventually(online, (values) => values.at(-1) === 0);
    // Nobody, one, nobody: never in between.
    expect(online().filter((value, place, all) => value !== all[place - 1])).toEqual([0, 1, 0]);
    socket.close();
    watcher.close();
  });

  it('RANK-4: a message moves the list, the second one of the same second too', async () => {
    const author = await createVisitor(chat.url);
    const room = await createRoom(chat.url, author);
    const newest = '{ rooms(first: 100) { nodes { id messageCount latestMessage { text number } } } }';
    interface Newest {
      rooms: { nodes: { id: string; messageCount: number; latestMessage: { text: string } | null }[] };
    }
    for (const text of ['first', 'second', 'third']) {
      const { message } = await sendMessage(chat.url, author, { roomId: room, text });
      const { rooms } = await eventually(
        () => ask<Newest>(chat.url, newest),
        (read) => read.rooms.nodes.find(({ id }) => id === room)?.latestMessage?.text === text,
      );
      expect(rooms.nodes.find(({ id }) => id === room)?.messageCount).toBe(message?.number);
    }
  });

  it('refuses a visit of what is no room, and a visit by nobody', async () => {
    const { token } = await createVisitor(chat.url);
    for (const room of ['nowhere', '', Buffer.from('Room:unknown').toString('base64url')]) {
      const { visitRoom } = await ask<{ visitRoom: unknown }>(chat.url, VISIT, { room }, { token });
      expect(visitRoom).toEqual({
        room: null,
        userErrors: [{ code: 'ROOM_NOT_FOUND', field: ['input', 'roomId'] }],
      });
    }
    const { room } = await ownRoom();
    const { errors } = await request(chat.url, VISIT, { room });
    expect(errors[0]?.extensions?.code).toBe('UNAUTHENTICATED');
  });
});

describe.each(FOUNDATIONS)('presence that ends soon, %s', (name) => {
  const chat = useServer(name, {
    RECENT_VISIT_WINDOW_SECONDS: String(WINDOW_S),
    RANKING_INTERVAL_MS: String(INTERVAL_MS),
  });
  const becomes = (room: string, recentVisitorCount: number, onlineCount: number) =>
    eventually(
      () => countsAt(chat.url, room),
      (read) => read.recentVisitorCount === recentVisitorCount && read.onlineCount === onlineCount,
    );

  it('RANK-2: who holds messageAdded is recent for as long, stored or not, and who visits for a while', async () => {
    const creator = await createVisitor(chat.url);
    const room = await createRoom(chat.url, creator);
    await becomes(room, 0, 0);
    const guests = [await openSocket(chat.url, await createVisitor(chat.url)), await openSocket(chat.url)];
    for (const guest of guests) guest.subscribe(MESSAGE_ADDED, { roomId: room });
    await becomes(room, 2, 2);
    // A visit that came after theirs: when it has ended, they are recent for what they hold alone.
    const { visitRoom } = await ask<{ visitRoom: object }>(chat.url, VISIT, { room }, creator);
    expect(visitRoom).toMatchObject({ userErrors: [] });
    await becomes(room, 2, 2);
    for (const guest of guests) guest.close();
    await becomes(room, 0, 0);
  });

  it('RANK-2: the number falls by itself, and tells those who follow the list', async () => {
    const room = await createRoom(chat.url, await createVisitor(chat.url));
    const socket = await openSocket(chat.url);
    const changes = socket.subscribe<Changed>(ROOMS_CHANGED);
    const seen = () => shownOf(changes, room).map(({ recentVisitorCount }) => recentVisitorCount);
    await eventually(seen, (values) => values.at(-1) === 0);
    expect(seen().every((value, place, all) => place === 0 || value <= all[place - 1]!)).toBe(true);
    expect((await listedAt(chat.url, room))?.recentVisitorCount).toBe(0);
    socket.close();
  });
});
