import { randomUUID } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import { request, type RequestOptions } from '../testkit/graphql-client.js';
import { createRoom, createVisitor, sendMessage, type TestVisitor } from '../testkit/seed.js';
import { eventually, FOUNDATIONS, useServer } from './world.js';

const EXECUTIONS = 4;

const MESSAGE =
  'message { id number text createdAt idempotencyKey author { id displayName } room { id name } }';
const SEND = `mutation ($input: SendMessageInput!) { sent: sendMessage(input: $input) { ${MESSAGE} cursor duplicate userErrors { code message field existingRoom { id } } } }`;

/** The first execution of a document is graphql-js', the later ones are compiled (docs/adr/0014). */
describe.each(FOUNDATIONS)('a document executed again, %s', (name) => {
  const chat = useServer(name);
  let room = '';
  let visitor: TestVisitor;

  beforeAll(async () => {
    visitor = await createVisitor(chat.url);
    room = await createRoom(chat.url, visitor);
    for (const text of ['one', 'two', 'three']) await sendMessage(chat.url, visitor, { roomId: room, text });
  });

  async function answers(
    query: string,
    variables: Readonly<Record<string, unknown>>,
    options: RequestOptions = { token: visitor.token },
  ) {
    const all: unknown[] = [];
    for (let execution = 0; execution < EXECUTIONS; execution += 1) {
      const { data, errors } = await request(chat.url, query, variables, options);
      const told = errors.map(({ message, path, extensions }) => ({ message, path, code: extensions?.code }));
      // What is refused is not executed.
      expect(told.map(({ code }) => code)).not.toContain('GRAPHQL_VALIDATION_FAILED');
      all.push({ data, errors: told });
    }
    return all;
  }

  it.each<[string, string, Readonly<Record<string, unknown>>]>([
    [
      'a page',
      'query ($r: ID!) { room(id: $r) { id name messages(last: 2) { nodes { text author { displayName } } totalCount } } }',
      {},
    ],
    [
      'both ends of a page at once',
      'query ($r: ID!) { room(id: $r) { messages(last: 2, first: 1) { totalCount } } }',
      {},
    ],
    [
      'a cursor that is none',
      'query ($r: ID!, $a: String) { room(id: $r) { id messages(first: 1, after: $a) { totalCount } } }',
      { a: 'none' },
    ],
    [
      'one good and one bad field',
      'query ($r: ID!) { good: room(id: $r) { name } bad: room(id: $r) { messages(first: 999) { totalCount } } }',
      {},
    ],
    ['no such room', '{ room(id: "none") { id } roomByName(name: "no such room") { id } }', {}],
    [
      'objects of any type',
      'query ($r: ID!) { node(id: $r) { __typename id ... on Room { name } } nodes(ids: [$r, "none"]) { id } }',
      {},
    ],
    [
      'directives',
      'query ($r: ID!, $yes: Boolean!) { room(id: $r) { id @skip(if: $yes) name @include(if: $yes) createdAt @skip(if: true) } }',
      { yes: true },
    ],
    [
      'introspection beside fields',
      '{ __typename settings { maxMessageLength } __schema { queryType { name } } }',
      {},
    ],
  ])('answers as it did the first time: %s', async (_what, query, variables) => {
    const [first, ...later] = await answers(query, { r: room, ...variables });
    for (const answer of later) expect(answer).toEqual(first);
  });

  it('answers as it did the first time: a mutation that is refused', async () => {
    const refused = await answers(SEND, { input: { roomId: 'none', text: 'hello' } });
    expect(refused).toEqual(Array(EXECUTIONS).fill(refused[0]));
    expect(refused[0]).toMatchObject({ data: { sent: { userErrors: [{ code: 'ROOM_NOT_FOUND' }] } } });
    const unknown = await answers(SEND, { input: { roomId: room, text: 'hello' } }, {});
    expect(unknown).toEqual(Array(EXECUTIONS).fill(unknown[0]));
    expect(unknown[0]).toMatchObject({ errors: [{ code: 'UNAUTHENTICATED', path: ['sent'] }] });
  });

  it('answers as it did the first time: long pages, of which one fails or is one too many', async () => {
    const long = await createRoom(chat.url, visitor);
    const text = 'x'.repeat(1950);
    await Promise.all(
      Array.from({ length: 100 }, () => sendMessage(chat.url, visitor, { roomId: long, text })),
    );
    const page = (key: string, fields: string) =>
      `${key}: room(id: $r) { messages(last: 100) { nodes { ${fields} } } }`;
    // More than half of what one answer may tell: what was told to nobody does not count.
    const some = ['a', 'b', 'c'].map((key) => page(key, 'text')).join(' ');
    const bad = 'messages(first: 0) { totalCount }';
    const partly = `query ($r: ID!) { ${some} bad: room(id: $r) { ${bad} } }`;
    for (const answer of await answers(partly, { r: long })) {
      expect(answer).toMatchObject({ errors: [{ code: 'BAD_USER_INPUT', path: ['bad', 'messages'] }] });
    }
    // Some page has one message too many, and in the last one those before it fail late.
    const last = page('f', `text room { ${bad} }`);
    const query = `query ($r: ID!) { ${some} ${page('d', 'text')} ${page('e', 'text')} ${last} }`;
    for (const answer of await answers(query, { r: long })) expect(answer).toHaveProperty('errors.0');
    expect(chat.output).not.toMatch(/unhandled rejection|told to nobody/);
  });

  it('lives on when the rooms of a list fail, some at once and some late', async () => {
    const empty = await createRoom(chat.url, visitor);
    const bad = 'latestMessage { id text author { displayName } } messages(first: 999) { totalCount }';
    for (const ids of [
      [room, empty],
      [empty, room],
      [room, empty, room],
    ]) {
      const query = `query ($ids: [ID!]!) { nodes(ids: $ids) { ... on Room { ${bad} } } }`;
      const all = await answers(query, { ids });
      expect(all).toEqual(Array(EXECUTIONS).fill(all[0]));
      expect(all[0]).toMatchObject({
        errors: expect.arrayContaining([expect.objectContaining({ code: 'BAD_USER_INPUT' })]) as never,
      });
    }
    const listed = `{ rooms(first: 5) { nodes { ${bad} } } }`;
    // What comes late is before what fails at once: the room with messages, then the one that has none.
    const visit = 'mutation ($input: VisitRoomInput!) { visitRoom(input: $input) { userErrors { code } } }';
    for (const { token } of [await createVisitor(chat.url), await createVisitor(chat.url)]) {
      await request(chat.url, visit, { input: { roomId: room } }, { token });
    }
    const list = async () => JSON.stringify(await request(chat.url, '{ rooms(first: 5) { nodes { id } } }'));
    await eventually(list, (ids) => ids.includes(room) && ids.indexOf(room) < ids.indexOf(empty));
    for (const answer of await answers(listed, {})) {
      expect(answer).toMatchObject({ errors: [{ code: 'BAD_USER_INPUT' }] });
    }
    expect(await request(chat.url, '{ __typename }')).toMatchObject({ data: { __typename: 'Query' } });
    expect(chat.output).not.toMatch(/unhandled rejection/);
  });

  it('sends once per execution, and gives the message as it is stored', async () => {
    const input = { roomId: room, text: 'again', idempotencyKey: randomUUID() };
    const [first, ...later] = await answers(SEND, { input });
    expect(first).toMatchObject({
      data: { sent: { duplicate: false, message: { text: 'again' } } },
      errors: [],
    });
    const { sent } = (first as { data: { sent: { message: object } } }).data;
    for (const answer of later)
      expect(answer).toEqual({ data: { sent: { ...sent, duplicate: true } }, errors: [] });
    const numbers = await answers(
      'mutation ($input: SendMessageInput!) { sendMessage(input: $input) { message { number } } }',
      {
        input: { roomId: room, text: 'each is another one' },
      },
    );
    const { number } = (sent as unknown as { message: { number: number } }).message;
    expect(
      numbers.map(
        (answer) =>
          (answer as { data: { sendMessage: { message: { number: number } } } }).data.sendMessage.message
            .number,
      ),
    ).toEqual(Array.from({ length: EXECUTIONS }, (_, index) => number + index + 1));
  });
});
