import * as fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { ask } from '../testkit/graphql-client.js';
import { createRoom, createVisitor, sendMessage, type TestVisitor } from '../testkit/seed.js';
import { eventually, FOUNDATIONS, useServer } from './world.js';

interface Connection {
  readonly edges: readonly { readonly cursor: string; readonly node: { readonly id: string } }[];
  readonly nodes: readonly { readonly id: string }[];
  readonly pageInfo: {
    readonly hasNextPage: boolean;
    readonly hasPreviousPage: boolean;
    readonly startCursor: string | null;
    readonly endCursor: string | null;
  };
  readonly totalCount: number;
}

interface Range {
  readonly first?: number | undefined;
  readonly after?: string | undefined;
  readonly last?: number | undefined;
  readonly before?: string | undefined;
}

const CONNECTION = `
  edges { cursor node { id } }
  nodes { id }
  pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
  totalCount
`;
const MESSAGES = `query ($room: ID!, $first: Int, $after: String, $last: Int, $before: String) {
  room(id: $room) { messages(first: $first, after: $after, last: $last, before: $before) { ${CONNECTION} } }
}`;
const ROOMS = `query ($first: Int, $after: String) { rooms(first: $first, after: $after) { ${CONNECTION} } }`;

const LONGEST_LOG = 12;
const ROOMS_MADE = 25;
const DEFAULT_PAGE = 20;

/** The algorithm of the Relay specification, over all ids: what a page must hold. */
function pageOf<Item>(
  all: readonly Item[],
  range: { first?: number; last?: number; after: number; before: number },
) {
  const between = all.slice(range.after + 1, range.before);
  if (range.first !== undefined) return between.slice(0, range.first);
  return range.last === undefined ? between : between.slice(Math.max(0, between.length - range.last));
}

function expectWellFormed({ edges, nodes, pageInfo }: Connection): void {
  expect(nodes).toEqual(edges.map(({ node }) => node));
  expect(pageInfo.startCursor).toBe(edges[0]?.cursor ?? null);
  expect(pageInfo.endCursor).toBe(edges.at(-1)?.cursor ?? null);
  expect(new Set(edges.map(({ cursor }) => cursor)).size).toBe(edges.length);
}

describe.each(FOUNDATIONS)('Relay connections, %s', (name) => {
  const chat = useServer(name);
  let visitor: TestVisitor;
  /** Rooms with 0, 1, 2 … messages each. */
  const logs: {
    readonly room: string;
    readonly ids: readonly string[];
    readonly cursors: readonly string[];
  }[] = [];

  beforeAll(async () => {
    visitor = await createVisitor(chat.url);
    for (let size = 0; size <= LONGEST_LOG; size += 1) {
      const room = await createRoom(chat.url, visitor);
      const ids: string[] = [];
      const cursors: string[] = [];
      for (let number = 1; number <= size; number += 1) {
        const { message, cursor } = await sendMessage(chat.url, visitor, { roomId: room, text: `${number}` });
        ids.push(message?.id ?? '');
        cursors.push(cursor ?? '');
      }
      logs.push({ room, ids, cursors });
    }
    for (let more = logs.length; more < ROOMS_MADE; more += 1) await createRoom(chat.url, visitor);
  });

  const messages = async (room: string, range: Range): Promise<Connection> =>
    (await ask<{ room: { messages: Connection } }>(chat.url, MESSAGES, { room, ...range })).room.messages;
  const rooms = async (range: Range): Promise<Connection> =>
    (await ask<{ rooms: Connection }>(chat.url, ROOMS, { ...range })).rooms;

  it('any page of any log holds what the algorithm of the specification gives', async () => {
    const size = fc.integer({ min: 1, max: LONGEST_LOG + 3 });
    const position = fc.option(fc.integer({ min: 0, max: LONGEST_LOG - 1 }), { nil: undefined });
    const page = fc.record({
      log: fc.integer({ min: 0, max: LONGEST_LOG }),
      direction: fc.constantFrom('first' as const, 'last' as const, 'neither' as const),
      size,
      after: position,
      before: position,
    });
    await fc.assert(
      fc.asyncProperty(page, async ({ log, direction, size, after, before }) => {
        const { room, ids, cursors } = logs[log]!;
        const from = after !== undefined && after < ids.length ? after : undefined;
        const to = before !== undefined && before < ids.length ? before : undefined;
        const count = direction === 'neither' ? {} : { [direction]: size };
        const connection = await messages(room, {
          ...count,
          after: from === undefined ? undefined : cursors[from],
          before: to === undefined ? undefined : cursors[to],
        });
        const bounds = { after: from ?? -1, before: to ?? ids.length };
        const wanted = direction === 'neither' ? { last: DEFAULT_PAGE } : count;
        const expected = pageOf(ids, { ...wanted, ...bounds });
        expect(connection.nodes.map(({ id }) => id)).toEqual(expected);
        expect(connection.edges.map(({ cursor }) => cursor)).toEqual(
          expected.map((id) => cursors[ids.indexOf(id)]),
        );
        expectWellFormed(connection);
        expect(connection.totalCount).toBe(ids.length);
        const within = pageOf(ids, bounds).length;
        const { hasNextPage, hasPreviousPage } = connection.pageInfo;
        expect(
          {
            first: { hasNextPage },
            last: { hasPreviousPage },
            neither: {},
          }[direction],
        ).toEqual(
          {
            first: { hasNextPage: within > size || to !== undefined },
            last: { hasPreviousPage: within > size || from !== undefined },
            neither: {},
          }[direction],
        );
      }),
      { numRuns: 150 },
    );
  });

  it('paging through a log gives each message once, by pages of any size and in both directions', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 0, max: LONGEST_LOG }),
        fc.integer({ min: 1, max: 5 }),
        async (log, size) => {
          const { room, ids } = logs[log]!;
          const down: string[] = [];
          for (let after: string | undefined, more = true; more;) {
            const { nodes, pageInfo } = await messages(room, { first: size, after });
            down.push(...nodes.map(({ id }) => id));
            after = pageInfo.endCursor ?? undefined;
            more = pageInfo.hasNextPage;
          }
          const up: string[] = [];
          for (let before: string | undefined, more = true; more;) {
            const { nodes, pageInfo } = await messages(room, { last: size, before });
            up.unshift(...nodes.map(({ id }) => id));
            before = pageInfo.startCursor ?? undefined;
            more = pageInfo.hasPreviousPage;
          }
          expect({ down, up }).toEqual({ down: ids, up: ids });
        },
      ),
      { numRuns: 30 },
    );
  });

  it('paging through the rooms gives each one once, by pages of any size', async () => {
    await eventually(
      () => rooms({ first: 100 }),
      ({ totalCount, nodes }) => totalCount === ROOMS_MADE && nodes.length === ROOMS_MADE,
    );
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: ROOMS_MADE + 5 }), async (size) => {
        const seen: string[] = [];
        let after: string | undefined;
        for (let more = true; more;) {
          const connection = await rooms({ first: size, after });
          expectWellFormed(connection);
          expect(connection.nodes.length).toBeLessThanOrEqual(size);
          expect(connection.totalCount).toBe(ROOMS_MADE);
          seen.push(...connection.nodes.map(({ id }) => id));
          after = connection.pageInfo.endCursor ?? undefined;
          more = connection.pageInfo.hasNextPage;
        }
        expect(seen).toHaveLength(ROOMS_MADE);
        expect(new Set(seen).size).toBe(ROOMS_MADE);
      }),
      { numRuns: 10 },
    );
  });

  it('node gives back every object by its id, and nodes keep the order asked for', async () => {
    const { room, ids } = logs.at(-1)!;
    const all = [...ids, room, visitor.id];
    await fc.assert(
      fc.asyncProperty(
        fc.shuffledSubarray([...all, 'nothing', 'TWVzc2FnZTox'], { minLength: 1 }),
        async (wanted) => {
          const answer = await ask<{ nodes: ({ id: string } | null)[]; node: { id: string } | null }>(
            chat.url,
            'query ($ids: [ID!]!, $id: ID!) { nodes(ids: $ids) { id } node(id: $id) { id } }',
            { ids: wanted, id: wanted[0] },
          );
          const known = wanted.map((id) => (all.includes(id) ? { id } : null));
          expect(answer).toEqual({ nodes: known, node: known[0] });
        },
      ),
      { numRuns: 30 },
    );
  });
});
