import { describe, expect, it } from 'vitest';
import { ask } from '../testkit/graphql-client.js';
import {
  createRoom,
  createVisitor,
  MESSAGE_ADDED,
  type MessageAdded,
  readPage,
  sendMessage,
} from '../testkit/seed.js';
import { openSocket } from '../testkit/socket-client.js';
import { eventually, FOUNDATIONS, useServer } from './world.js';

const ROOMS_CHANGED = /* GraphQL */ `
  subscription ($first: Int, $after: String) {
    roomsChanged(first: $first, after: $after) {
      cursor
      complete
      rooms {
        id
        recentVisitorCount
        onlineCount
        latestMessage {
          text
        }
      }
      order
    }
  }
`;

const ROOMS = /* GraphQL */ `
  query {
    rooms(first: 100) {
      nodes {
        id
        recentVisitorCount
        onlineCount
        latestMessage {
          text
        }
      }
      resumeCursor
    }
  }
`;

interface RoomView {
  readonly id: string;
  readonly recentVisitorCount: number;
  readonly onlineCount: number;
  readonly latestMessage: { readonly text: string } | null;
}
interface RoomsChanged {
  readonly roomsChanged: {
    readonly cursor: string;
    readonly complete: boolean;
    readonly rooms: readonly RoomView[];
    readonly order: readonly string[] | null;
  };
}
interface RoomList {
  readonly rooms: { readonly nodes: readonly RoomView[]; readonly resumeCursor: string };
}

/** A list that events are applied to as the contract says: `rooms` first, then `order`. */
function applied(
  nodes: readonly RoomView[],
  events: readonly RoomsChanged[],
): readonly (RoomView | undefined)[] {
  const known = new Map(nodes.map((room) => [room.id, room]));
  let order: readonly string[] = nodes.map(({ id }) => id);
  for (const { roomsChanged } of events) {
    for (const room of roomsChanged.rooms) known.set(room.id, room);
    order = roomsChanged.order ?? order;
  }
  return order.map((id) => known.get(id));
}

describe.each(FOUNDATIONS)('subscriptions, %s', (name) => {
  const chat = useServer(name, { MAX_REPLAYED_MESSAGES: '5' });

  async function world() {
    const visitor = await createVisitor(chat.url);
    const room = await createRoom(chat.url, visitor);
    const send = (text: string) => sendMessage(chat.url, visitor, { roomId: room, text });
    return { visitor, room, send };
  }
  const texts = (events: readonly MessageAdded[]): string[] =>
    events.map(({ messageAdded }) => messageAdded.message.text);

  it('CURSOR-2: messageAdded after a resumeCursor continues without a seam, in an empty room too', async () => {
    const { room, send, visitor } = await world();
    const { resumeCursor } = await readPage(chat.url, room, { last: 10 });
    await send('one');
    await send('two');
    const socket = await openSocket(chat.url, { token: visitor.token });
    const followed = socket.subscribe<MessageAdded>(MESSAGE_ADDED, { roomId: room, after: resumeCursor });
    await eventually(
      () => followed.data.length,
      (count) => count === 2,
    );
    await send('three');
    await eventually(
      () => followed.data.length,
      (count) => count === 3,
    );
    expect(texts(followed.data)).toEqual(['one', 'two', 'three']);
    expect(followed.data.map(({ messageAdded }) => messageAdded.replayed)).toEqual([true, true, false]);
    const again = socket.subscribe<MessageAdded>(MESSAGE_ADDED, {
      roomId: room,
      after: followed.data[1]?.messageAdded.cursor,
    });
    await eventually(
      () => again.data.length,
      (count) => count === 1,
    );
    expect(texts(again.data)).toEqual(['three']);
    socket.close();
  });

  it('CURSOR-1: a position has one cursor, whoever tells it, and it serves paging and following', async () => {
    const { room, send, visitor } = await world();
    const start = (await readPage(chat.url, room, { last: 10 })).resumeCursor;
    const sent = await send('one');
    await send('two');
    const socket = await openSocket(chat.url, { token: visitor.token });
    const followed = socket.subscribe<MessageAdded>(MESSAGE_ADDED, { roomId: room, after: start });
    await eventually(
      () => followed.data.length,
      (count) => count === 2,
    );
    const page = await readPage(chat.url, room, { first: 1 });
    expect(followed.data[0]?.messageAdded.cursor).toBe(sent.cursor);
    expect(page.pageInfo.endCursor).toBe(sent.cursor);
    const rest = await readPage(chat.url, room, { first: 10, after: sent.cursor });
    expect(rest.nodes.map(({ text }) => text)).toEqual(['two']);
    const behind = socket.subscribe<MessageAdded>(MESSAGE_ADDED, { roomId: room, after: sent.cursor });
    await eventually(
      () => behind.data.length,
      (count) => count === 1,
    );
    expect(texts(behind.data)).toEqual(['two']);
    socket.close();
  });

  it('LOG-4: messageAdded without after starts with the next message', async () => {
    const { room, send } = await world();
    await send('before');
    const socket = await openSocket(chat.url);
    const followed = socket.subscribe<MessageAdded>(MESSAGE_ADDED, { roomId: room });
    await eventually(
      async () =>
        (
          await ask<{ room: RoomView }>(chat.url, 'query ($room: ID!) { room(id: $room) { onlineCount } }', {
            room,
          })
        ).room.onlineCount,
      (online) => online === 1,
    );
    await send('after');
    await eventually(
      () => followed.data.length,
      (count) => count > 0,
    );
    expect(texts(followed.data)).toEqual(['after']);
    socket.close();
  });

  it('LOG-8: who missed more than is replayed gets the newest, and the exact number left out', async () => {
    const { room, send } = await world();
    const { resumeCursor } = await readPage(chat.url, room, {});
    for (let index = 1; index <= 12; index += 1) await send(`m${index}`);
    const socket = await openSocket(chat.url);
    const followed = socket.subscribe<MessageAdded>(MESSAGE_ADDED, { roomId: room, after: resumeCursor });
    await eventually(
      () => followed.data.length,
      (count) => count === 5,
    );
    expect(texts(followed.data)).toEqual(['m8', 'm9', 'm10', 'm11', 'm12']);
    expect(followed.data.map(({ messageAdded }) => messageAdded.skippedCount)).toEqual([7, 0, 0, 0, 0]);
    socket.close();
  });

  it.each([
    ['an unknown room', { roomId: 'nowhere' }, 'ROOM_NOT_FOUND'],
    ['a malformed cursor', { after: 'nothing' }, 'BAD_CURSOR'],
  ])(
    'CURSOR-4: messageAdded of %s is refused, and the other subscriptions go on',
    async (_what, change, code) => {
      const { room, send } = await world();
      const { resumeCursor } = await readPage(chat.url, room, {});
      const socket = await openSocket(chat.url);
      const healthy = socket.subscribe<MessageAdded>(MESSAGE_ADDED, { roomId: room, after: resumeCursor });
      const refused = socket.subscribe<MessageAdded>(MESSAGE_ADDED, { roomId: room, ...change });
      await expect(refused.ended).resolves.toBe('error');
      expect(refused.errors[0]?.extensions?.code).toBe(code);
      const syntax = socket.subscribe('subscription {');
      await expect(syntax.ended).resolves.toBe('error');
      expect(syntax.errors[0]?.extensions?.code).toBe('GRAPHQL_PARSE_FAILED');
      const unknown = socket.subscribe('subscription { messageAdded { nothing } }');
      await expect(unknown.ended).resolves.toBe('error');
      expect(unknown.errors[0]?.extensions?.code).toBe('GRAPHQL_VALIDATION_FAILED');
      await send('still here');
      await eventually(
        () => healthy.data.length,
        (count) => count === 1,
      );
      socket.close();
    },
  );

  it('RANK-3: onlineCount counts visitors, not tabs, while they follow', async () => {
    const { room, visitor } = await world();
    const online = async (): Promise<number> =>
      (
        await ask<{ room: RoomView }>(chat.url, 'query ($room: ID!) { room(id: $room) { onlineCount } }', {
          room,
        })
      ).room.onlineCount;
    const tabs = await Promise.all([1, 2].map(() => openSocket(chat.url, { token: visitor.token })));
    const other = await openSocket(chat.url);
    for (const socket of [...tabs, other]) socket.subscribe(MESSAGE_ADDED, { roomId: room });
    await eventually(online, (count) => count === 2);
    tabs[0]?.cut();
    other.close();
    await eventually(online, (count) => count === 1);
    tabs[1]?.close();
    await expect(eventually(online, (count) => count === 0)).resolves.toBe(0);
  });

  it('RANK-4: roomsChanged applied as documented equals a fresh read', async () => {
    const socket = await openSocket(chat.url);
    const { rooms } = await ask<RoomList>(chat.url, ROOMS);
    const resumed = socket.subscribe<RoomsChanged>(ROOMS_CHANGED, { first: 100, after: rooms.resumeCursor });
    const fresh = socket.subscribe<RoomsChanged>(ROOMS_CHANGED, { first: 100 });
    await eventually(
      () => fresh.data.length,
      (count) => count > 0,
    );
    expect(fresh.data[0]?.roomsChanged.complete).toBe(true);
    const { room, send } = await world();
    await send('first');
    await send('second of the same second');
    await eventually(
      async () => {
        const { rooms: read } = await ask<RoomList>(chat.url, ROOMS);
        const lists = [applied(rooms.nodes, resumed.data), applied([], fresh.data)];
        return lists.every((list) => JSON.stringify(list) === JSON.stringify(read.nodes)) &&
          read.nodes.find(({ id }) => id === room)?.latestMessage?.text === 'second of the same second'
          ? 'equal'
          : { lists, read };
      },
      (outcome) => outcome === 'equal',
    );
    socket.close();
  });

  it('RANK-5: roomsChanged with another first than its cursor starts complete; a foreign cursor is refused', async () => {
    const { room } = await world();
    const { rooms } = await ask<RoomList>(chat.url, ROOMS);
    const socket = await openSocket(chat.url);
    const changed = socket.subscribe<RoomsChanged>(ROOMS_CHANGED, { first: 3, after: rooms.resumeCursor });
    await eventually(
      () => changed.data.length,
      (count) => count > 0,
    );
    expect(changed.data[0]?.roomsChanged.complete).toBe(true);
    const { resumeCursor } = await readPage(chat.url, room, {});
    for (const [variables, code] of [
      [{ after: resumeCursor }, 'BAD_CURSOR'],
      [{ first: 101 }, 'BAD_USER_INPUT'],
    ] as const) {
      const refused = socket.subscribe<RoomsChanged>(ROOMS_CHANGED, variables);
      await expect(refused.ended).resolves.toBe('error');
      expect(refused.errors[0]?.extensions?.code).toBe(code);
    }
    socket.close();
  });

  it('FOLLOW: the same over server-sent events', async () => {
    const { room, send } = await world();
    const { resumeCursor } = await readPage(chat.url, room, {});
    await send('one');
    const abort = new AbortController();
    const response = await fetch(`${chat.url}/graphql`, {
      method: 'POST',
      headers: { accept: 'text/event-stream', 'content-type': 'application/json' },
      body: JSON.stringify({ query: MESSAGE_ADDED, variables: { roomId: room, after: resumeCursor } }),
      signal: abort.signal,
    });
    expect(response.headers.get('content-type')).toContain('text/event-stream');
    let received = '';
    const reading = (async () => {
      for await (const chunk of response.body ?? []) received += new TextDecoder().decode(chunk);
    })().catch(() => undefined);
    await eventually(
      () => received,
      (text) => text.includes('"text":"one"'),
    );
    await send('two');
    await eventually(
      () => received,
      (text) => text.includes('"text":"two"'),
    );
    expect(received).toContain('event: next');
    expect(received).not.toContain('event: complete');
    abort.abort();
    await reading;
  });

  it('VISITOR-2: a socket without a token is given a visitor and its token, and is the same with it later', async () => {
    const socket = await openSocket(chat.url);
    const { viewer } = await socket.request<{ viewer: { id: string; displayName: string } }>(
      '{ viewer { id displayName } }',
    );
    expect(socket.ack.visitor).toEqual(viewer);
    const back = await openSocket(chat.url, { token: socket.ack.token });
    expect(back.ack.visitor).toEqual(viewer);
    const renewed = await back.request<{ createVisitor: { visitor: { id: string }; token: string } }>(
      'mutation { createVisitor { visitor { id } token } }',
    );
    expect(renewed.createVisitor.visitor.id).toBe(viewer.id);
    socket.close();
    back.close();
  });
});
