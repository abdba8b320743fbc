import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { ask, request } from '../testkit/graphql-client.js';
import { createRoom, createVisitor, sendMessage } from '../testkit/seed.js';
import { openSocket } from '../testkit/socket-client.js';
import { eventually, FOUNDATIONS, useServer } from './world.js';

const CREATE = /* GraphQL */ `
  mutation ($name: String!) {
    createRoom(input: { name: $name }) {
      room {
        id
        name
        messageCount
        latestMessage {
          id
        }
      }
      userErrors {
        code
        field
        existingRoom {
          id
        }
      }
    }
  }
`;

interface Created {
  readonly createRoom: {
    readonly room: { readonly id: string; readonly name: string } | null;
    readonly userErrors: readonly {
      readonly code: string;
      readonly existingRoom: { readonly id: string } | null;
    }[];
  };
}

describe.each(FOUNDATIONS)('rooms, %s', (name) => {
  const chat = useServer(name);
  const create = async (roomName: string, token?: string) => {
    const visitor = token ?? (await createVisitor(chat.url)).token;
    return (await ask<Created>(chat.url, CREATE, { name: roomName }, { token: visitor })).createRoom;
  };

  it('ROOM-1: have names that are unique by NFKC and case folding', async () => {
    const tag = randomUUID().slice(0, 8);
    const first = await create(`Straße ${tag}`);
    expect(first).toMatchObject({
      room: { name: `Straße ${tag}`, messageCount: 0 },
      userErrors: [],
    });
    for (const same of [`STRASSE ${tag}`, ` ｓtraße ${tag} `, `stra\u200bsse ${tag}`]) {
      await expect(create(same)).resolves.toMatchObject({
        room: null,
        userErrors: [
          { code: 'ROOM_NAME_TAKEN', field: ['input', 'name'], existingRoom: { id: first.room?.id } },
        ],
      });
    }
    const { roomByName } = await ask<{ roomByName: { id: string } }>(
      chat.url,
      'query ($name: String!) { roomByName(name: $name) { id } }',
      { name: `strasse ${tag}` },
    );
    expect(roomByName.id).toBe(first.room?.id);
  });

  it.each([
    ['nothing', ''],
    ['81 characters', 'x'.repeat(81)],
    ['a line break', 'a\nb'],
    ['a direction override', 'a\u202eb'],
    ['a lone surrogate', 'a\ud800'],
  ])('TEXT-2: refuse a name with %s', async (_what, roomName) => {
    await expect(create(roomName)).resolves.toMatchObject({
      room: null,
      userErrors: [{ code: 'INVALID_INPUT' }],
    });
  });

  it('that are made at the same moment under one name are one room', async () => {
    const roomName = `race ${randomUUID()}`;
    const made = await Promise.all(Array.from({ length: 8 }, () => create(roomName)));
    const winners = made.filter(({ room }) => room !== null);
    expect(winners).toHaveLength(1);
    const others = made
      .filter(({ room }) => room === null)
      .map(({ userErrors }) => userErrors[0]?.existingRoom?.id);
    expect(new Set(others)).toEqual(new Set([winners[0]?.room?.id]));
  });

  it('are found by id, and an unknown or malformed id is an id of nothing', async () => {
    const visitor = await createVisitor(chat.url);
    const room = await createRoom(chat.url, visitor);
    const { message } = await sendMessage(chat.url, visitor, { roomId: room, text: 'hello' });
    const query = /* GraphQL */ `
      query ($ids: [ID!]!, $room: ID!, $bad: ID!) {
        nodes(ids: $ids) {
          __typename
          id
        }
        room(id: $room) {
          id
        }
        none: room(id: $bad) {
          id
        }
        nothing: node(id: $bad) {
          id
        }
      }
    `;
    const ids = [message?.id, 'garbage', room, visitor.id, message?.id];
    await expect(ask(chat.url, query, { ids, room, bad: visitor.id.slice(1) })).resolves.toEqual({
      nodes: [
        { __typename: 'Message', id: message?.id },
        null,
        { __typename: 'Room', id: room },
        { __typename: 'Visitor', id: visitor.id },
        { __typename: 'Message', id: message?.id },
      ],
      room: { id: room },
      none: null,
      nothing: null,
    });
    const many = await request(chat.url, query, {
      ids: Array.from({ length: 101 }, () => room),
      room,
      bad: room,
    });
    expect(many.errors[0]?.extensions?.code).toBe('BAD_USER_INPUT');
  });

  it('VISITOR-3: a visitor that wrote nothing is known to itself alone', async () => {
    const visitor = await createVisitor(chat.url);
    const query = 'query ($id: ID!) { node(id: $id) { id } viewer { id displayName createdAt } }';
    await expect(ask(chat.url, query, { id: visitor.id })).resolves.toMatchObject({
      node: null,
      viewer: null,
    });
    await expect(ask(chat.url, query, { id: visitor.id }, { token: visitor.token })).resolves.toMatchObject({
      node: { id: visitor.id },
      viewer: { id: visitor.id },
    });
    await createRoom(chat.url, visitor);
    await expect(ask(chat.url, query, { id: visitor.id })).resolves.toMatchObject({
      node: { id: visitor.id },
    });
  });

  it('VISITOR-4: a rename shows on messages already sent', async () => {
    const visitor = await createVisitor(chat.url);
    const room = await createRoom(chat.url, visitor);
    await sendMessage(chat.url, visitor, { roomId: room, text: 'before' });
    const rename =
      'mutation ($name: String!) { renameViewer(input: { displayName: $name }) { visitor { displayName } userErrors { code field } } }';
    await expect(ask(chat.url, rename, { name: ' 김마당 ' }, { token: visitor.token })).resolves.toEqual({
      renameViewer: { visitor: { displayName: '김마당' }, userErrors: [] },
    });
    await expect(ask(chat.url, rename, { name: '\u202e' }, { token: visitor.token })).resolves.toMatchObject({
      renameViewer: {
        visitor: null,
        userErrors: [{ code: 'INVALID_INPUT', field: ['input', 'displayName'] }],
      },
    });
    const read = 'query ($room: ID!) { room(id: $room) { messages { nodes { author { displayName } } } } }';
    await expect(ask(chat.url, read, { room })).resolves.toMatchObject({
      room: { messages: { nodes: [{ author: { displayName: '김마당' } }] } },
    });
  });

  it('RANK-1, RANK-2: are listed by distinct recent visitors, then by activity', async () => {
    const host = await createVisitor(chat.url);
    const [quiet, busy, busiest] = [
      await createRoom(chat.url, host),
      await createRoom(chat.url, host),
      await createRoom(chat.url, host),
    ];
    const visit =
      'mutation ($room: ID!) { visitRoom(input: { roomId: $room }) { room { recentVisitorCount } userErrors { code } } }';
    const guests = await Promise.all([1, 2, 3].map(() => createVisitor(chat.url)));
    for (const guest of guests) await ask(chat.url, visit, { room: busiest }, { token: guest.token });
    for (const guest of guests.slice(0, 2)) {
      await ask(chat.url, visit, { room: busy }, { token: guest.token });
      await ask(chat.url, visit, { room: busy }, { token: guest.token });
    }
    const list = 'query { rooms(first: 100) { nodes { id recentVisitorCount onlineCount } totalCount } }';
    const ours = new Set([quiet, busy, busiest]);
    interface List {
      rooms: { nodes: { id: string; recentVisitorCount: number }[]; totalCount: number };
    }
    const expected = [
      [busiest, 4],
      [busy, 3],
      [quiet, 1],
    ];
    const listed = ({ rooms }: List) =>
      rooms.nodes
        .filter(({ id }) => ours.has(id))
        .map(({ id, recentVisitorCount }) => [id, recentVisitorCount]);
    const { rooms } = await eventually(
      () => ask<List>(chat.url, list),
      (read) => JSON.stringify(listed(read)) === JSON.stringify(expected),
    );
    expect(rooms.totalCount).toBeGreaterThanOrEqual(3);
    const unknown = await ask(chat.url, visit, { room: 'nowhere' }, { token: host.token });
    expect(unknown).toMatchObject({ visitRoom: { room: null, userErrors: [{ code: 'ROOM_NOT_FOUND' }] } });
  });

  it('CURSOR-4: a page refuses what is forged, of another list, or of an order that is gone; changes begin anew', async () => {
    const made = await createRoom(chat.url, await createVisitor(chat.url));
    const list =
      'query ($after: String) { rooms(first: 20, after: $after) { edges { cursor node { id } } resumeCursor } }';
    interface List {
      rooms: { edges: { cursor: string; node: { id: string } }[]; resumeCursor: string };
    }
    const { rooms } = await eventually(
      () => ask<List>(chat.url, list),
      (read) => read.rooms.edges.some(({ node }) => node.id === made),
    );
    const changed = (text: string, change: (parts: string[]) => string[]): string =>
      Buffer.from(change(Buffer.from(text, 'base64url').toString().split(' ')).join(' ')).toString(
        'base64url',
      );
    const cursor = rooms.edges[0]?.cursor ?? '';
    const gone = (text: string): string => changed(text, (parts) => parts.with(2, 'gone'));
    const refusals: [after: string, code: string][] = [
      ['nothing', 'BAD_CURSOR'],
      ['', 'BAD_CURSOR'],
      [`${cursor}A`, 'BAD_CURSOR'],
      [rooms.resumeCursor, 'BAD_CURSOR'],
      [changed(cursor, (parts) => parts.with(4, '999999')), 'BAD_CURSOR'],
      [changed(cursor, (parts) => parts.with(3, '999999')), 'CURSOR_EXPIRED'],
      [gone(cursor), 'CURSOR_EXPIRED'],
    ];
    for (const [after, code] of refusals) {
      const { errors } = await request(chat.url, list, { after });
      expect([after, errors[0]?.extensions?.code]).toEqual([after, code]);
    }
    const socket = await openSocket(chat.url);
    const follow = (after: string) =>
      socket.subscribe<{ roomsChanged: { complete: boolean } }>(
        'subscription ($after: String) { roomsChanged(after: $after) { complete } }',
        { after },
      );
    const anew = follow(gone(rooms.resumeCursor));
    await eventually(
      () => anew.data,
      ([event]) => event?.roomsChanged.complete === true,
    );
    const refused = follow(cursor);
    await eventually(
      () => refused.errors,
      ([error]) => error?.extensions?.code === 'BAD_CURSOR',
    );
    socket.close();
  });

  it('CURSOR-5: page through a pinned order; a foreign cursor is refused', async () => {
    const host = await createVisitor(chat.url);
    const made = new Set<string>();
    for (let index = 0; index < 5; index += 1) made.add(await createRoom(chat.url, host));
    const list =
      'query ($after: String) { rooms(first: 2, after: $after) { edges { cursor node { id } } pageInfo { hasNextPage endCursor } } }';
    interface List {
      rooms: { edges: { node: { id: string } }[]; pageInfo: { hasNextPage: boolean; endCursor: string } };
    }
    const readAll = async (): Promise<string[]> => {
      const seen: string[] = [];
      for (let after: string | null = null, more = true; more;) {
        const { rooms }: List = await ask<List>(chat.url, list, { after });
        seen.push(...rooms.edges.map(({ node }) => node.id));
        after = rooms.pageInfo.endCursor;
        more = rooms.pageInfo.hasNextPage;
      }
      return seen;
    };
    const seen = await eventually(readAll, (ids) => [...made].every((id) => ids.includes(id)));
    expect(new Set(seen).size).toBe(seen.length);
    const page = await ask<{ room: { messages: { resumeCursor: string } } }>(
      chat.url,
      'query ($room: ID!) { room(id: $room) { messages { resumeCursor } } }',
      { room: [...made][0] },
    );
    const foreign = await request(chat.url, list, { after: page.room.messages.resumeCursor });
    expect(foreign.errors[0]?.extensions?.code).toBe('BAD_CURSOR');
    for (const first of [0, 101, -1]) {
      const refused = await request(chat.url, 'query ($first: Int) { rooms(first: $first) { totalCount } }', {
        first,
      });
      expect(refused.errors[0]?.extensions?.code).toBe('BAD_USER_INPUT');
    }
    await expect(
      request(chat.url, 'query ($first: Int) { rooms(first: $first) { totalCount } }', { first: null }),
    ).resolves.toMatchObject({ errors: [] });
  });
});
