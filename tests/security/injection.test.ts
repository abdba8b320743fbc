import { describe, expect, it, onTestFinished } from 'vitest';
import { FOUNDATIONS } from '../api/world.ts';
import { type Foundation, foundation } from '../testkit/foundation.ts';
import { ask, request } from '../testkit/graphql-client.ts';
import { type MongoRecorder, type RecordedCommand, recordMongo } from '../testkit/mongo-recorder.ts';
import { createRoom, createVisitor, readLog, sendMessage } from '../testkit/seed.ts';
import { startServerChild } from '../testkit/server-child.ts';
import { report } from './support/table.ts';

/** What a driver might take for an operator, a pattern or code. */
const OBJECTS: readonly unknown[] = [
  { $gt: '' },
  { $ne: null },
  { $regex: '.*' },
  { $where: 'sleep(5000)' },
  { $exists: true },
  { $in: ['a', 'b'] },
  { $expr: { $function: { body: 'return true', args: [], lang: 'js' } } },
  { $or: [{}, {}] },
  { _bsontype: 'ObjectId', id: 'x' },
  { $oid: '507f1f77bcf86cd799439011' },
  { toString: 'x' },
  { constructor: { name: 'String' } },
  { length: 1, 0: 'x' },
  [],
  [{ $gt: '' }],
  [['x']],
  { __proto__: null, polluted: true },
];
/** Not texts either; GraphQL takes a whole number for an ID, and nothing else of these. */
const SCALARS: readonly unknown[] = [1.5, true, false];
const TEXTS: readonly string[] = [
  '{"$gt":""}',
  '$where',
  '$gt',
  '.*',
  '^',
  "'; return true; var x='",
  "' || '1'=='1",
  '" OR ""="',
  "'; DROP TABLE rooms; --",
  '1; SELECT sqlite_version()',
  "x' UNION SELECT * FROM visitors --",
  '507f1f77bcf86cd799439011',
  '__proto__',
  'constructor',
  'a.b',
  '$room.name',
  'Um9vbTp4',
  Buffer.from('Room:{"$gt":""}').toString('base64url'),
  Buffer.from('Room:$where').toString('base64url'),
  Buffer.from('Message:x:1').toString('base64url'),
  Buffer.from('Message:{"$gt":""}:1').toString('base64url'),
  Buffer.from('Message:x:9007199254740993').toString('base64url'),
  Buffer.from('Visitor:../../x').toString('base64url'),
  Buffer.from("Room:' OR 1=1 --").toString('base64url'),
  '',
  ' ',
  '*',
  '%',
  '_',
  '\\',
  '\u0000',
  '😀',
  '\n',
];

interface Field {
  readonly query: string;
  /** Where a value goes. */
  readonly variables: (value: unknown, roomId: string) => Readonly<Record<string, unknown>>;
}

const USER_ERRORS = 'userErrors { code }';
const FIELDS: Readonly<Record<string, Field>> = {
  'node(id)': { query: 'query ($v: ID!) { node(id: $v) { id } }', variables: (v) => ({ v }) },
  'nodes(ids)': { query: 'query ($v: [ID!]!) { nodes(ids: $v) { id } }', variables: (v) => ({ v: [v] }) },
  'room(id)': { query: 'query ($v: ID!) { room(id: $v) { name } }', variables: (v) => ({ v }) },
  'roomByName(name)': {
    query: 'query ($v: String!) { roomByName(name: $v) { name } }',
    variables: (v) => ({ v }),
  },
  'rooms(after)': {
    query: 'query ($v: String!) { rooms(after: $v) { totalCount } }',
    variables: (v) => ({ v }),
  },
  'messages(before)': {
    query: 'query ($r: ID!, $v: String!) { room(id: $r) { messages(last: 5, before: $v) { totalCount } } }',
    variables: (v, r) => ({ v, r }),
  },
  'visitRoom(roomId)': {
    query: `mutation ($v: ID!) { visitRoom(input: { roomId: $v }) { room { id } ${USER_ERRORS} } }`,
    variables: (v) => ({ v }),
  },
  'sendMessage(roomId)': {
    query: `mutation ($v: ID!) { sendMessage(input: { roomId: $v, text: "x" }) { duplicate ${USER_ERRORS} } }`,
    variables: (v) => ({ v }),
  },
  'sendMessage(idempotencyKey)': {
    query: `mutation ($r: ID!, $v: String!) { sendMessage(input: { roomId: $r, text: "kept", idempotencyKey: $v }) { duplicate ${USER_ERRORS} } }`,
    variables: (v, r) => ({ v, r }),
  },
  'sendMessage(input)': {
    query: `mutation ($v: SendMessageInput!) { sendMessage(input: $v) { duplicate ${USER_ERRORS} } }`,
    variables: (v) => ({ v }),
  },
};

const TYPED = new Set(['BAD_USER_INPUT', 'BAD_CURSOR']);
const PROBLEMS = new Set(['ROOM_NOT_FOUND', 'INVALID_INPUT', 'IDEMPOTENCY_CONFLICT']);

/** Those that the stores use. */
const OPERATORS = new Set(['$eq', '$in', '$gt', '$gte', '$lt', '$lte']);
const isPlain = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' &&
  value !== null &&
  !Array.isArray(value) &&
  !(value instanceof Date) &&
  !('_bsontype' in value);
const isScalar = (value: unknown): boolean =>
  typeof value === 'string' ||
  typeof value === 'number' ||
  value instanceof Date ||
  (typeof value === 'object' && value !== null && '_bsontype' in value && value._bsontype === 'ObjectId');

/** What an operator may compare with: one value, a list of them, or an identifier made of two texts. */
const isOperand = (name: string, operand: unknown): boolean =>
  name === '$in'
    ? Array.isArray(operand) && operand.every(isScalar)
    : isScalar(operand) ||
      (name === '$eq' &&
        isPlain(operand) &&
        Object.values(operand).every((part) => typeof part === 'string'));

/** Every place of a filter that holds more than a comparison with what a visitor may say. */
function oddities(filter: Record<string, unknown>): string[] {
  return Object.entries(filter).flatMap(([field, value]) => {
    if (field === '$or' && Array.isArray(value)) return value.flatMap(oddities);
    const compares =
      isPlain(value) && Object.keys(value).length > 0
        ? Object.entries(value).every(([name, operand]) => OPERATORS.has(name) && isOperand(name, operand))
        : isScalar(value);
    return !field.startsWith('$') && compares ? [] : [JSON.stringify(filter)];
  });
}

/** What runs code, or a pattern, in the database. */
const CODE = ['$where', '$function', '$accumulator', '$expr', '$regex', '$jsonSchema'];

/** The names of all fields, however deep. */
const namesIn = (value: unknown): string[] =>
  Array.isArray(value)
    ? value.flatMap(namesIn)
    : isPlain(value)
      ? Object.entries(value).flatMap(([name, inner]) => [name, ...namesIn(inner)])
      : [];

/** The filters of one command. */
function filtersOf({ body }: RecordedCommand): readonly Record<string, unknown>[] {
  const lists = [body['updates'], body['deletes']].filter(Array.isArray).flat() as { q: unknown }[];
  const found = [body['filter'], body['query'], ...lists.map(({ q }) => q)];
  return found.filter(isPlain);
}

let tried = 0;
let filters = 0;
report('S14', () => ({
  tried,
  of: `injections (${OBJECTS.length + SCALARS.length + TEXTS.length} values x ${Object.keys(FIELDS).length} fields x 2 stores)`,
  result: `type errors, typed refusals or plain text; nothing read or changed by them; ${filters} filters hold values alone`,
}));

/** A server, and what it asks of MongoDB where that is its store. */
async function recordedServer(name: Foundation): Promise<{ url: string; recorder: MongoRecorder | null }> {
  const ground = await foundation(name);
  onTestFinished(() => ground.dispose());
  const mongoUrl = ground.env['MONGODB_URL'];
  const recorder = mongoUrl === undefined ? null : await recordMongo(mongoUrl);
  onTestFinished(() => recorder?.close());
  const env = recorder === null ? ground.env : { ...ground.env, MONGODB_URL: recorder.url };
  const server = await startServerChild({ env });
  onTestFinished(async () => void (await server.stop('SIGINT')));
  return { url: server.url(), recorder };
}

describe.each(FOUNDATIONS)('S14 injections into the %s store', (name) => {
  it('are type errors where they are no text, and nothing but text where they are', async () => {
    const { url, recorder } = await recordedServer(name);
    const visitor = await createVisitor(url);
    const roomId = await createRoom(url, visitor);
    await sendMessage(url, visitor, { roomId, text: 'first' });
    const wrong: string[] = [];
    for (const [name, { query, variables }] of Object.entries(FIELDS)) {
      const inject = async (value: unknown) => {
        const answer = await request<Record<string, { userErrors?: { code: string }[] } | null>>(
          url,
          query,
          variables(value, roomId),
          visitor,
        );
        const code = answer.errors[0]?.extensions?.code;
        const field = Object.values(answer.data ?? {})[0] ?? null;
        const problem = field?.userErrors?.[0]?.code;
        const isText = typeof value === 'string';
        // A key or a name may be any text; it then names something of its own, or nothing.
        const fine = isText
          ? code === undefined
            ? problem === undefined || PROBLEMS.has(problem)
            : TYPED.has(code)
          : code === 'BAD_USER_INPUT';
        if (!fine) wrong.push(`${name} ${JSON.stringify(value)}: ${JSON.stringify(answer)}`);
        const found = name.startsWith('node') || name.startsWith('room(') || name.startsWith('roomByName');
        const something = JSON.stringify(answer.data ?? null).match(/"(id|name)":/);
        if (found && something !== null)
          wrong.push(`${name} ${JSON.stringify(value)} found ${JSON.stringify(answer.data)}`);
        tried += 1;
      };
      await Promise.all([...OBJECTS, ...SCALARS, ...TEXTS].map(inject));
    }
    expect(wrong).toEqual([]);
    const texts = (await readLog(url, roomId)).map(({ text }) => text);
    expect([texts[0], new Set(texts.slice(1))]).toEqual(['first', new Set(['kept'])]);
    const totalCount = async () =>
      (await ask<{ rooms: { totalCount: number } }>(url, '{ rooms { totalCount } }')).rooms.totalCount;
    // A list may be an interval old.
    await expect.poll(totalCount, { timeout: 30_000 }).toBe(1);
    expect(Object.hasOwn(Object.prototype, 'polluted')).toBe(false);
    if (recorder === null) return;
    const asked = recorder.commands.flatMap(filtersOf);
    filters += asked.length;
    expect(asked.length).toBeGreaterThan(50);
    expect([...new Set(asked.flatMap(oddities))]).toEqual([]);
    const names = new Set(recorder.commands.flatMap(({ body }) => namesIn(body)));
    expect(CODE.filter((name) => names.has(name))).toEqual([]);
  });
});
