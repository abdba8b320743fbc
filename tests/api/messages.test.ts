import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { ask, request } from '../testkit/graphql-client.js';
import { createRoom, createVisitor, sendMessage } from '../testkit/seed.js';
import { openSocket } from '../testkit/socket-client.js';
import { eventually, FOUNDATIONS, useServer } from './world.js';

interface Page {
  readonly nodes: readonly { readonly number: number }[];
  readonly edges: readonly { readonly cursor: string }[];
  readonly pageInfo: {
    readonly hasNextPage: boolean;
    readonly hasPreviousPage: boolean;
    readonly startCursor: string | null;
    readonly endCursor: string | null;
  };
  readonly totalCount: number;
  readonly resumeCursor: string;
}

/** A message with what its room says of the newest one. */
interface Told {
  readonly number: number;
  readonly room: { readonly messageCount: number; readonly latestMessage: { readonly number: number } };
}

const PAGE = /* GraphQL */ `
  query ($room: ID!, $first: Int, $after: String, $last: Int, $before: String) {
    room(id: $room) {
      messages(first: $first, after: $after, last: $last, before: $before) {
        nodes {
          number
        }
        edges {
          cursor
        }
        pageInfo {
          hasNextPage
          hasPreviousPage
          startCursor
          endCursor
        }
        totalCount
        resumeCursor
      }
    }
  }
`;

describe.each(FOUNDATIONS)('messages, %s', (name) => {
  const chat = useServer(name);

  async function roomOf(count: number) {
    const visitor = await createVisitor(chat.url);
    const room = await createRoom(chat.url, visitor);
    const cursors: string[] = [];
    for (let index = 1; index <= count; index += 1) {
      const { cursor } = await sendMessage(chat.url, visitor, { roomId: room, text: `message ${index}` });
      cursors.push(cursor ?? '');
    }
    return { visitor, room, cursors };
  }
  const page = async (room: string, range: object): Promise<Page> =>
    (await ask<{ room: { messages: Page } }>(chat.url, PAGE, { room, ...range })).room.messages;
  const codeOf = async (room: string, range: object): Promise<string | undefined> =>
    (await request(chat.url, PAGE, { room, ...range })).errors[0]?.extensions?.code;
  const numbers = ({ nodes }: Page): number[] => nodes.map(({ number }) => number);

  it('LOG-2: are numbered 1, 2, 3 … and paged both ways with exact hasNextPage and hasPreviousPage', async () => {
    const { room, cursors } = await roomOf(7);
    const newest = await page(room, { last: 3 });
    expect(numbers(newest)).toEqual([5, 6, 7]);
    expect(newest.pageInfo).toEqual({
      hasNextPage: false,
      hasPreviousPage: true,
      startCursor: cursors[4],
      endCursor: cursors[6],
    });
    expect(newest.totalCount).toBe(7);

    const above = await page(room, { last: 3, before: newest.pageInfo.startCursor });
    expect(numbers(above)).toEqual([2, 3, 4]);
    expect(above.pageInfo).toMatchObject({ hasNextPage: true, hasPreviousPage: true });

    const top = await page(room, { last: 3, before: above.pageInfo.startCursor });
    expect(numbers(top)).toEqual([1]);
    expect(top.pageInfo).toMatchObject({ hasNextPage: true, hasPreviousPage: false });

    const down = await page(room, { first: 4 });
    expect(numbers(down)).toEqual([1, 2, 3, 4]);
    expect(down.pageInfo).toMatchObject({ hasNextPage: true, hasPreviousPage: false });
    const rest = await page(room, { first: 4, after: down.pageInfo.endCursor });
    expect(numbers(rest)).toEqual([5, 6, 7]);
    expect(rest.pageInfo).toMatchObject({ hasNextPage: false, hasPreviousPage: true });

    expect(numbers(await page(room, { first: 100, after: cursors[1], before: cursors[4] }))).toEqual([3, 4]);
    expect(numbers(await page(room, { last: 1, after: cursors[1], before: cursors[4] }))).toEqual([4]);
    expect(numbers(await page(room, {}))).toEqual([1, 2, 3, 4, 5, 6, 7]);
  });

  it('CURSOR-2: an empty room has an empty page and a cursor to continue from', async () => {
    const { room } = await roomOf(0);
    const empty = await page(room, { last: 10 });
    expect(empty).toMatchObject({
      nodes: [],
      edges: [],
      pageInfo: { hasNextPage: false, hasPreviousPage: false, startCursor: null, endCursor: null },
      totalCount: 0,
    });
    expect(empty.resumeCursor).not.toBe('');
  });

  it.each([
    [{ first: 0 }, 'BAD_USER_INPUT'],
    [{ first: 101 }, 'BAD_USER_INPUT'],
    [{ last: -1 }, 'BAD_USER_INPUT'],
    [{ first: 1, last: 1 }, 'BAD_USER_INPUT'],
    [{ first: 'one' }, 'BAD_USER_INPUT'],
    [{ after: 'garbage' }, 'BAD_CURSOR'],
    [{ before: '' }, 'BAD_CURSOR'],
  ])('CURSOR-4: refuse the range %j with %s', async (range, code) => {
    const { room } = await roomOf(1);
    await expect(codeOf(room, range)).resolves.toBe(code);
  });

  it('CURSOR-4: refuse the cursor of another room, a forged one, and one ahead of the log', async () => {
    const one = await roomOf(2);
    const other = await roomOf(1);
    await expect(codeOf(one.room, { after: other.cursors[0] })).resolves.toBe('BAD_CURSOR');
    const ahead = Buffer.from(one.cursors[1] ?? '', 'base64url');
    ahead.writeUIntBE(1000, 17, 6);
    await expect(codeOf(one.room, { after: ahead.toString('base64url') })).resolves.toBe('BAD_CURSOR');
    const rewritten = Buffer.from(one.cursors[1] ?? '', 'base64url');
    rewritten.writeUInt8(rewritten.readUInt8(23) ^ 1, 23);
    await expect(codeOf(one.room, { after: rewritten.toString('base64url') })).resolves.toBe(
      'CURSOR_EXPIRED',
    );
  });

  it('LOG-5: the same key stores once and answers with the stored message; another text conflicts', async () => {
    const { visitor, room } = await roomOf(0);
    const idempotencyKey = randomUUID();
    const first = await sendMessage(chat.url, visitor, { roomId: room, text: 'once', idempotencyKey });
    expect(first).toMatchObject({ duplicate: false, message: { number: 1, text: 'once' }, userErrors: [] });
    const again = await sendMessage(chat.url, visitor, { roomId: room, text: '  once ', idempotencyKey });
    expect(again).toMatchObject({ duplicate: true, cursor: first.cursor, message: first.message });
    const other = await sendMessage(chat.url, visitor, { roomId: room, text: 'twice', idempotencyKey });
    expect(other).toMatchObject({
      message: null,
      cursor: null,
      duplicate: false,
      userErrors: [{ code: 'IDEMPOTENCY_CONFLICT', field: ['input', 'idempotencyKey'] }],
    });
    expect((await page(room, {})).totalCount).toBe(1);
  });

  it('LOG-5: a key belongs to the viewer and the room', async () => {
    const { visitor, room } = await roomOf(0);
    const stranger = await createVisitor(chat.url);
    const elsewhere = await createRoom(chat.url, visitor);
    const idempotencyKey = randomUUID();
    for (const [who, roomId] of [
      [visitor, room],
      [stranger, room],
      [visitor, elsewhere],
    ] as const) {
      await expect(
        sendMessage(chat.url, who, { roomId, text: 'mine', idempotencyKey }),
      ).resolves.toMatchObject({
        duplicate: false,
      });
    }
  });

  it.each([
    ['an empty text', { text: ' \n ' }, 'INVALID_INPUT', 'text'],
    ['an invisible text', { text: '\u200b\u2060' }, 'INVALID_INPUT', 'text'],
    ['a text of 2,001 characters', { text: '😀'.repeat(2001) }, 'INVALID_INPUT', 'text'],
    ['a control character', { text: 'a\u0007' }, 'INVALID_INPUT', 'text'],
    ['too many marks', { text: `a${'\u0301'.repeat(20)}` }, 'INVALID_INPUT', 'text'],
    ['an unknown room', { roomId: 'nowhere' }, 'ROOM_NOT_FOUND', 'roomId'],
    ['an empty key', { idempotencyKey: '' }, 'INVALID_INPUT', 'idempotencyKey'],
    ['a key of 65 characters', { idempotencyKey: 'k'.repeat(65) }, 'INVALID_INPUT', 'idempotencyKey'],
  ])('TEXT-2: refuse %s and store nothing', async (_what, change, code, field) => {
    const { visitor, room } = await roomOf(0);
    const sent = await sendMessage(chat.url, visitor, { roomId: room, text: 'fine', ...change });
    expect(sent).toMatchObject({ message: null, userErrors: [{ code, field: ['input', field] }] });
    expect((await page(room, {})).totalCount).toBe(0);
  });

  it('TEXT-1: come back trimmed and in NFC, with everything that is known of them', async () => {
    const { visitor, room } = await roomOf(0);
    const { sendMessage: sent } = await ask<{ sendMessage: { message: Record<string, unknown> } }>(
      chat.url,
      /* GraphQL */ `
        mutation ($input: SendMessageInput!) {
          sendMessage(input: $input) {
            message {
              id
              number
              text
              createdAt
              idempotencyKey
              author {
                id
                displayName
              }
              room {
                id
                messageCount
                latestMessage {
                  number
                }
              }
            }
          }
        }
      `,
      { input: { roomId: room, text: '  cafe\u0301\n  2  ', idempotencyKey: 'key' } },
      { token: visitor.token },
    );
    expect(sent.message).toMatchObject({
      number: 1,
      text: 'café\n  2',
      idempotencyKey: 'key',
      author: { id: visitor.id },
      room: { id: room },
    });
    expect(sent.message['createdAt']).toMatch(/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$/);
    const { room: read } = await ask<{ room: unknown }>(
      chat.url,
      'query ($room: ID!) { room(id: $room) { messageCount latestMessage { text idempotencyKey } } }',
      { room },
    );
    expect(read).toEqual({ messageCount: 1, latestMessage: { text: 'café\n  2', idempotencyKey: 'key' } });
  });

  it('are told with a room that has them: its count and its newest message are not those of an older list', async () => {
    const { visitor, room } = await roomOf(1);
    const listed = async () => {
      const { rooms } = await ask<{ rooms: { nodes: { id: string; messageCount: number }[] } }>(
        chat.url,
        '{ rooms(first: 100) { nodes { id messageCount } } }',
      );
      return rooms.nodes.find(({ id }) => id === room)?.messageCount;
    };
    await eventually(listed, (count) => count === 1);
    const told = 'number room { messageCount latestMessage { number } }';
    const socket = await openSocket(chat.url, { token: visitor.token });
    const followed = socket.subscribe<{ messageAdded: { message: Told } }>(
      `subscription ($room: ID!, $after: String) {
        messageAdded(roomId: $room, after: $after) { message { ${told} } }
      }`,
      { room, after: (await page(room, { last: 1 })).resumeCursor },
    );
    for (let number = 2; number <= 9; number += 1) {
      const { sendMessage: sent } = await ask<{ sendMessage: { message: Told } }>(
        chat.url,
        `mutation ($input: SendMessageInput!) { sendMessage(input: $input) { message { ${told} } } }`,
        { input: { roomId: room, text: `${number}` } },
        { token: visitor.token },
      );
      expect(sent.message).toEqual({ number, room: { messageCount: number, latestMessage: { number } } });
      await eventually(
        () => followed.data.length,
        (count) => count === number - 1,
      );
      expect(followed.data.at(-1)?.messageAdded.message).toEqual(sent.message);
    }
    socket.close();
  });

  it('need a token to be sent, and say how to get one', async () => {
    const { room } = await roomOf(0);
    const query = 'mutation ($input: SendMessageInput!) { sendMessage(input: $input) { duplicate } }';
    const refused = await request(chat.url, query, { input: { roomId: room, text: 'x' } });
    expect(refused.errors[0]).toMatchObject({ extensions: { code: 'UNAUTHENTICATED' } });
    expect(refused.errors[0]?.message).toContain('createVisitor');
    const bad = await request(chat.url, query, { input: { roomId: room, text: 'x' } }, { token: 'bad' });
    expect(bad).toMatchObject({ status: 401, errors: [{ extensions: { code: 'UNAUTHENTICATED' } }] });
  });

  it('LOG-2: many at once from many senders get every number once', async () => {
    const { visitor, room } = await roomOf(0);
    const senders = [visitor, ...(await Promise.all([1, 2, 3].map(() => createVisitor(chat.url))))];
    const sent = await Promise.all(
      Array.from({ length: 120 }, (_, index) =>
        sendMessage(chat.url, senders[index % senders.length] ?? visitor, {
          roomId: room,
          text: `m${index}`,
        }),
      ),
    );
    const got = sent.map(({ message }) => message?.number ?? 0).sort((a, b) => a - b);
    expect(got).toEqual(Array.from({ length: 120 }, (_, index) => index + 1));
  });
});
