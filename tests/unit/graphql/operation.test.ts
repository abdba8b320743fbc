import { getIntrospectionQuery, type ExecutionResult } from 'graphql';
import { describe, expect, it } from 'vitest';
import type { OperationRequest, Prepared } from '../../../src/graphql/prepared.ts';
import { codeOf, type Refusal } from '../../../src/graphql/errors.ts';
import { CodedError } from '../../../src/lib/coded-error.ts';
import { silentLogger } from '../../../src/lib/logger.ts';
import { createMetrics } from '../../../src/lib/metrics.ts';
import { createTracing } from '../../../src/lib/tracing.ts';
import { createListSink, createManualTime, createWorld, type World } from './kit/world.ts';

const CALLER = { viewer: null, address: '192.0.2.1' };

function refusal(world: World, request: OperationRequest) {
  const prepared = world.operations.prepare(request, 'http');
  return 'errors' in prepared ? prepared.errors : [];
}

const codes = (world: World, request: OperationRequest | string) =>
  refusal(world, typeof request === 'string' ? { query: request } : request).map(codeOf);

async function run(world: World, request: OperationRequest | string): Promise<ExecutionResult> {
  const prepared = world.operations.prepare(
    typeof request === 'string' ? { query: request } : request,
    'http',
  );
  if ('errors' in prepared) return { errors: prepared.errors };
  return world.operations.execute(prepared, world.operations.contextFor(CALLER));
}

const fields = (count: number, of: (index: number) => string) =>
  Array.from({ length: count }, (_, index) => of(index)).join(' ');

describe('prepare', () => {
  const world = createWorld();
  it.each<[string, string, string]>([
    ['an empty document', '', 'GRAPHQL_PARSE_FAILED'],
    ['a comment alone', '# nothing', 'GRAPHQL_PARSE_FAILED'],
    ['a syntax error', '{ hello', 'GRAPHQL_PARSE_FAILED'],
    ['an unknown field', '{ nope }', 'GRAPHQL_VALIDATION_FAILED'],
    ['a literal of a wrong type', '{ needs(value: "x") }', 'GRAPHQL_VALIDATION_FAILED'],
    [
      'two root fields of a subscription',
      'subscription { counted { number } other }',
      'GRAPHQL_VALIDATION_FAILED',
    ],
    [
      'a field of a subscription that depends on a variable',
      'subscription ($yes: Boolean!) { counted @include(if: $yes) { number } }',
      'GRAPHQL_VALIDATION_FAILED',
    ],
    ['fragments without an operation', 'fragment F on Query { hello }', 'GRAPHQL_VALIDATION_FAILED'],
    ['several operations, none chosen', 'query A { hello } query B { hello }', 'GRAPHQL_VALIDATION_FAILED'],
    ['a document of 8,193 characters', `{ hello } #${'x'.repeat(8182)}`, 'OPERATION_TOO_COMPLEX'],
    ['401 tokens', `{ ${fields(399, () => 'hello')} }`, 'OPERATION_TOO_COMPLEX'],
    [
      'more levels than 8',
      `{ item { ${'items { '.repeat(8)} id ${'} '.repeat(8)} } }`,
      'OPERATION_TOO_COMPLEX',
    ],
    ['16 aliases', `{ ${fields(16, (i) => `a${i}: hello`)} }`, 'OPERATION_TOO_COMPLEX'],
    ['16 aliases of __typename', `{ ${fields(16, (i) => `a${i}: __typename`)} }`, 'OPERATION_TOO_COMPLEX'],
    ['10 directives', `{ hello ${fields(10, () => '@include(if: true)')} }`, 'OPERATION_TOO_COMPLEX'],
    [
      'lists in lists by literals',
      '{ items(first: 100) { items(first: 100) { id } } }',
      'OPERATION_TOO_COMPLEX',
    ],
    ['a circling fragment', '{ ...F } fragment F on Query { hello ...F }', 'GRAPHQL_VALIDATION_FAILED'],
  ])('refuses %s', (_name, query, code) => {
    expect(codes(world, query)[0]).toBe(code);
  });

  it('keeps of the variables those that the operation declares', () => {
    const query = 'query ($v: Int!, $__proto__: Int!) { needs(value: $v) b: needs(value: $__proto__) }';
    const kept = (given: string) => {
      const variables = JSON.parse(given) as Record<string, unknown>;
      const prepared = createWorld().operations.prepare({ query, variables }, 'ws');
      return 'errors' in prepared ? prepared.errors : Object.entries(prepared.variables);
    };
    const declared = [
      ['v', 1],
      ['__proto__', 2],
    ];
    expect(kept('{ "v": 1, "__proto__": 2 }')).toEqual(declared);
    expect(kept('{ "x": [[], []], "v": 1, "constructor": 3, "__proto__": 2 }')).toEqual(declared);
  });

  it('says of a subscription what is wrong with its directive', () => {
    const words = (directive: string) =>
      refusal(world, { query: `subscription { counted ${directive} { number } }` }).map(
        ({ message }) => message,
      );
    expect(words('@skip(if: "x")').join()).toContain('Boolean cannot represent');
    expect(words('@skip').join()).toContain('argument "if"');
  });

  it('counts the directives of a fragment once, however often it is spread', () => {
    const spreads = `{ item { ...F items { ...F items { ...F } } } } fragment F on Item`;
    const written = (count: number) => `${spreads} { ${fields(count, () => 'id @include(if: true)')} }`;
    expect(codes(world, written(9))).toEqual([]);
    expect(codes(world, written(10))).toEqual(['OPERATION_TOO_COMPLEX']);
  });

  it('refuses an unknown operation name as a rule of the document', () => {
    expect(codes(world, { query: 'query A { hello }', operationName: 'B' })).toEqual([
      'GRAPHQL_VALIDATION_FAILED',
    ]);
  });

  it.each([
    ['{ hello }', 'Leave operationName out.'],
    ['query A { hello } query B { hello }', 'It holds A, B.'],
    [fields(5, (i) => `query A${i} { hello }`), 'It holds A0, A1, A2, A3, A4.'],
    [fields(6, (i) => `query A${i} { hello }`), 'It holds A0, A1, A2, A3, A4, ….'],
  ])('says which names there are instead of an unknown one: %s', (query, remedy) => {
    const told = refusal(world, { query, operationName: 'None' }).map(({ message }) => message);
    expect(told).toEqual([`The document holds no operation of this name. ${remedy}`]);
  });

  it('counts what a limit refuses under its name, and nothing else', async () => {
    const metrics = createMetrics({ version: 'test' });
    const measured = createWorld({ metrics });
    const counted = async () => {
      const { values } = await metrics.limitRejections.get();
      const rules = values.filter(({ value }) => value > 0).map(({ labels }) => labels['rule']);
      metrics.limitRejections.reset();
      return rules;
    };
    const told: Record<string, unknown> = {};
    for (const [rule, query] of [
      ['size', '#'.repeat(8193)],
      ['tokens', `{ ${fields(399, () => 'hello')} }`],
      ['depth', `{ item { ${'items { '.repeat(8)} id ${'} '.repeat(8)} } }`],
      ['aliases', `{ ${fields(16, (i) => `a${i}: hello`)} }`],
      ['directives', `{ hello ${fields(10, () => '@include(if: true)')} }`],
      ['cost', '{ items(first: 100) { items(first: 100) { id } } }'],
    ] as const) {
      measured.operations.prepare({ query }, 'sse');
      told[rule] = await counted();
    }
    for (const rule in told) expect([rule, told[rule]]).toEqual([rule, [rule]]);
    for (const query of ['{ hello }', '{ hello', '{ nope }']) measured.operations.prepare({ query }, 'sse');
    expect(await counted()).toEqual([]);
  });

  it('counts lists in lists when their sizes come from variables', () => {
    const query = 'query($n: Int) { items(first: $n) { items(first: $n) { id } } }';
    expect(codes(world, { query, variables: { n: 100 } })).toEqual(['OPERATION_TOO_COMPLEX']);
    expect(codes(world, { query, variables: { n: 10 } })).toEqual([]);
    expect(codes(world, { query, variables: { n: 100 } })).toEqual(['OPERATION_TOO_COMPLEX']);
  });

  it('counts a default where a variable is left out, and not where it is null', () => {
    const query = 'query($n: Int = 100) { items(first: $n) { items(first: $n) { id } } }';
    const twice = createWorld();
    for (const _ of [1, 2]) {
      expect(codes(twice, { query, variables: { n: null } })).toEqual([]);
      expect(codes(twice, { query, variables: {} })).toEqual(['OPERATION_TOO_COMPLEX']);
    }
  });

  it('counts an alias by its length, as often as it is told', () => {
    const told = (length: number) =>
      `{ items(first: 100) { items(first: 45) { ${'a'.repeat(length)}: id } } }`;
    expect(codes(world, told(64))).toEqual([]);
    expect(codes(world, told(65))).toEqual(['OPERATION_TOO_COMPLEX']);
    expect(codes(world, `{ ${'a'.repeat(8000)}: hello }`)).toEqual([]);
    const types = (length: number) =>
      `{ __schema { types { fields { type { fields { type { enumValues { ${'a'.repeat(length)}: name } } } } } } } }`;
    expect(codes(world, types(64))).toEqual([]);
    expect(codes(world, types(8000))).toEqual(['OPERATION_TOO_COMPLEX']);
    expect(codes(world, `{ items(first: 100) { ${'a'.repeat(8000)}: __typename } }`)).toEqual([
      'OPERATION_TOO_COMPLEX',
    ]);
  });

  it('counts identifiers as a list, and does not count what is skipped', () => {
    const query =
      'query($ids: [ID!], $s: Boolean!) { items(ids: $ids) { items(first: 60) @skip(if: $s) { id } } }';
    const ids = Array.from({ length: 100 }, (_, index) => String(index));
    expect(codes(world, { query, variables: { ids, s: false } })).toEqual(['OPERATION_TOO_COMPLEX']);
    expect(codes(world, { query, variables: { ids, s: true } })).toEqual([]);
  });

  it('lets what lies just inside every limit pass', () => {
    for (const query of [
      `{ hello } #${'x'.repeat(8181)}`,
      `{ ${fields(398, () => 'hello')} }`,
      `{ item { ${'items(first: 1) { '.repeat(6)} id ${'} '.repeat(6)} } }`,
      `{ ${fields(15, (i) => `a${i}: hello`)} }`,
      `{ ${fields(4, () => 'hello @include(if: true) @skip(if: false)')} hello @include(if: true) }`,
      '{ items(first: 100) { id items(first: 40) { id } } }',
    ]) {
      expect({ query, codes: codes(world, query) }).toEqual({ query, codes: [] });
    }
  });

  it('lets the standard introspection query pass in the public profile and refuses it in the hardened one', async () => {
    expect((await run(world, getIntrospectionQuery())).errors).toBeUndefined();
    const hardened = createWorld({ apiProfile: 'hardened' });
    expect(codes(hardened, getIntrospectionQuery())[0]).toBe('GRAPHQL_VALIDATION_FAILED');
    expect(codes(hardened, '{ __typename }')).toEqual([]);
  });

  it('suggests names in the public profile alone', () => {
    const message = (w: World) => refusal(w, { query: '{ helo }' })[0]?.message;
    expect(message(world)).toContain('Did you mean "hello"');
    expect(message(createWorld({ apiProfile: 'hardened' }))).toBe(
      'Cannot query field "helo" on type "Query".',
    );
  });

  it('says where in the document something is wrong', () => {
    const places = (query: string) => refusal(world, { query }).map(({ locations }) => locations);
    expect(places('{ hello\n  nope }')).toEqual([[{ line: 2, column: 3 }]]);
    expect(places('{ hello')).toEqual([[{ line: 1, column: 8 }]]);
  });

  it('tells of a long value its ends, however often something is wrong with it', () => {
    const endless = 'Did you mean '.repeat(200);
    const v = { numbre: 1, ...Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`k${i}`, endless])) };
    for (const profile of ['public', 'hardened'] as const) {
      const query = 'query($v: Given!) { given(value: $v) }';
      const told = refusal(createWorld({ apiProfile: profile }), { query, variables: { v } });
      const messages = told.map(({ message }) => message);
      expect(messages[0]).toMatch(
        /^Variable "\$v" got invalid value \{ numbre: 1, k0: "Did you mean Did .* … /,
      );
      expect(messages[1]).toMatch(/Field "k\d+" is not defined by type "Given"\.$/);
      const last = 'Field "numbre" is not defined by type "Given".';
      expect(messages[0]?.endsWith(profile === 'public' ? `${last} Did you mean "number"?` : last)).toBe(
        true,
      );
      expect(Math.max(...messages.map(({ length }) => length))).toBeLessThan(1100);
    }
  });

  it('cuts no character in two', () => {
    for (const value of ['\u{1f600}'.repeat(1000), `x${'\u{1f600}'.repeat(1000)}`]) {
      const [told] = refusal(world, {
        query: 'query($v: Int!) { needs(value: $v) }',
        variables: { v: value },
      });
      expect(told?.message).toContain(' … ');
      expect(told?.message.isWellFormed()).toBe(true);
    }
  });

  it.each<[string, Record<string, unknown>]>([
    ['missing', {}],
    ['null', { v: null }],
    ['of a wrong type', { v: 'x' }],
    ['an object where a number belongs', { v: { $gt: '' } }],
  ])('refuses a variable that is %s', (_name, variables) => {
    const query = 'query($v: Int!) { needs(value: $v) }';
    expect(codes(world, { query, variables })).toEqual(['BAD_USER_INPUT']);
  });

  it('gives the same answer for the same text again', () => {
    const first = world.operations.prepare({ query: '{ hello }' }, 'http') as Prepared;
    const second = world.operations.prepare({ query: '{ hello }' }, 'ws') as Prepared;
    expect(second.checked).toBe(first.checked);
  });
});

describe('execute', () => {
  it('masks what is unexpected, and logs it once under the id that the client is told', async () => {
    const world = createWorld();
    const { data, errors } = await run(world, '{ hello boom }');
    expect(data).toEqual({ hello: 'hello you', boom: null });
    expect(JSON.stringify(errors)).not.toContain('secret');
    expect(codeOf(errors![0]!)).toBe('INTERNAL_SERVER_ERROR');
    expect(world.logged).toHaveLength(1);
    expect(world.logged[0]?.fields).toMatchObject({ requestId: errors![0]!.extensions['requestId'] });
  });

  it('gives a coded failure with its words, its code and its wait', async () => {
    const { errors } = await run(createWorld(), '{ coded }');
    expect(errors?.[0]?.toJSON()).toMatchObject({
      message: 'Too busy.',
      path: ['coded'],
      extensions: { code: 'OVERLOADED', retryAfterMs: 1500 },
    });
  });

  it('tells a bad argument from a bad result', async () => {
    const world = createWorld();
    const nullArgument = { query: 'query($n: String = "x") { hello(name: $n) }', variables: { n: null } };
    expect((await run(world, nullArgument)).errors?.map(codeOf)).toEqual(['BAD_USER_INPUT']);
    const value = `{ text: "${'x'.repeat(4000)}", required: $n }`;
    const inLong = { ...nullArgument, query: `query($n: String = "x") { given(value: ${value}) }` };
    const { errors: [told] = [] } = await run(world, inLong);
    expect(told && codeOf(told)).toBe('BAD_USER_INPUT');
    expect(told?.message).toMatch(/^Argument "value" has invalid value .* … .*required: \$n/);
    expect(told?.message.length).toBeLessThan(1100);
    expect((await run(world, '{ notAnInt }')).errors?.map(codeOf)).toEqual(['INTERNAL_SERVER_ERROR']);
  });

  it('gives up an answer that takes longer than its deadline as UNAVAILABLE', async () => {
    const time = createManualTime();
    const world = createWorld({ clock: time.clock });
    const running = run(world, '{ never }');
    await new Promise((resolve) => setImmediate(resolve));
    // Its store calls are ended first, and have a moment to say so.
    time.pass(4500);
    time.pass(250);
    expect((await running).errors?.map(codeOf)).toEqual(['UNAVAILABLE']);
  });

  it('gives up also what begins when its deadline is over', async () => {
    const time = createManualTime();
    const world = createWorld({ clock: time.clock });
    Object.assign(world.services.limits, {
      consume: async () => {
        time.pass(4500);
        return null;
      },
    });
    const running = run(world, '{ never }');
    await new Promise((resolve) => setImmediate(resolve));
    time.pass(250);
    expect((await running).errors?.map(codeOf)).toEqual(['UNAVAILABLE']);
  });

  it("tells its span of what is the server's failure alone", async () => {
    const failures: string[] = [];
    const tracing = createTracing({ version: 'test' });
    const world = createWorld({
      tracing: { ...tracing, span: (_name, _attributes, work) => work((code) => void failures.push(code)) },
    });
    const nullArgument = { query: 'query($n: String = "x") { hello(name: $n) }', variables: { n: null } };
    for (const request of ['{ hello }', nullArgument, '{ boom }', '{ coded }']) await run(world, request);
    expect(failures).toEqual(['INTERNAL_SERVER_ERROR', 'OVERLOADED']);
  });

  it('tells the log how long a mutation took and what it failed for, and of no query', async () => {
    const time = createManualTime();
    const told: object[] = [];
    const log = { ...silentLogger, debug: (fields: object) => void told.push(fields) };
    const world = createWorld({ clock: time.clock, log });
    world.schema.getMutationType()!.getFields()['add']!.resolve = () => {
      time.pass(30);
      throw new CodedError('OVERLOADED', 'Too busy.');
    };
    for (const query of ['mutation Add { add }', '{ hello }']) await run(world, query);
    expect(told).toEqual([{ operation: 'Add', durationMs: 30, codes: ['OVERLOADED'] }]);
  });

  it('counts a token that was missing, whatever else went wrong', async () => {
    const metrics = createMetrics({ version: 'test' });
    const world = createWorld({ metrics });
    const missing = async () => {
      const { values } = await metrics.authFailures.get();
      return values.find(({ labels }) => labels['reason'] === 'missing')?.value ?? 0;
    };
    await run(world, '{ boom }');
    expect(await missing()).toBe(0);
    world.schema.getQueryType()!.getFields()['hello']!.resolve = () => {
      throw new CodedError('UNAUTHENTICATED', 'Who are you?');
    };
    await run(world, '{ hello boom }');
    expect(await missing()).toBe(1);
  });

  it('runs at once what one address may begin in a turn, the rest in turns to come, and nothing whose time is over', async () => {
    const time = createManualTime();
    const world = createWorld(time);
    const settled = () => new Promise((resolve) => setImmediate(resolve));
    let ran = 0;
    world.schema.getQueryType()!.getFields()['items']!.resolve = () => {
      ran += 1;
      return [];
    };
    const dear = '{ items(first: 100) { items { id } } }';
    const answers = Array.from({ length: 6 }, () => run(world, dear));
    await settled();
    expect(ran).toBe(2);
    expect(await run(world, '{ hello }')).toEqual({ data: { hello: 'hello you' } });
    time.turn();
    await settled();
    expect(ran).toBe(4);
    time.pass(4500);
    time.pass(250);
    const codesOf = async (answer: Promise<ExecutionResult>) => (await answer).errors?.map(codeOf);
    for (const answer of answers.slice(0, 4)) expect(await codesOf(answer)).toBeUndefined();
    for (const answer of answers.slice(4)) expect(await codesOf(answer)).toEqual(['UNAVAILABLE']);
    while (time.turn()) await settled();
    expect(ran).toBe(4);
  });

  it('reads at once the documents that one address may bring in a turn, and those that are known, short or too long', async () => {
    const time = createManualTime();
    const { operations } = createWorld(time);
    const document = (mark: string, length: number) => `{ hello } #${mark}`.padEnd(length, 'x');
    const turnOf = (query: string, address = CALLER.address) => operations.turnOf({ query }, address);
    const known = document('known', 3000);
    operations.prepare({ query: known }, 'http');
    expect(turnOf(document('a', 3000))).toBeNull();
    expect(turnOf(document('b', 2000))).toBeNull();
    const later = turnOf(document('c', 100));
    expect(later).toBeInstanceOf(Promise);
    for (const query of [known, document('d', 99), document('e', 8193)]) expect(turnOf(query)).toBeNull();
    expect(turnOf(document('c', 100), '198.51.100.7')).toBeNull();
    time.turn();
    await later;
  });

  it('lets documents wait within a part of the heap and for two seconds, and refuses the others', async () => {
    const time = createManualTime();
    const length = 4000;
    const { operations } = createWorld({ ...time, heapBytes: 32 * 3 * 17 * length });
    const ask = (mark: string, address = CALLER.address) =>
      operations.turnOf({ query: `{ hello } #${mark}`.padEnd(length, 'x') }, address);
    const told = async (turn: Promise<Refusal | null> | null) => (await turn)?.errors.map(codeOf) ?? null;
    expect(ask('begins')).toBeNull();
    const waiting = ['a', 'b', 'c'].map((mark) => ask(mark));
    expect(await told(ask('d'))).toEqual(['OVERLOADED']);
    expect(ask('begins', '198.51.100.7')).toBeNull();
    time.turn();
    expect(await waiting[0]).toBeNull();
    // There is room for one again.
    const last = ask('e');
    expect(await told(ask('f'))).toEqual(['OVERLOADED']);
    time.pass(2000);
    for (const turn of [waiting[1], waiting[2], last])
      expect(await told(turn ?? null)).toEqual(['OVERLOADED']);
    // Nobody stands before the next one any more.
    const next = ask('g');
    time.turn();
    expect(await next).toBeNull();
    for (let turns = 0; time.turn(); turns += 1) expect(turns).toBeLessThan(5);
    expect(ask('h')).toBeNull();
    // Who was given up gave its room back once, though its turn came as well.
    for (const mark of ['i', 'j', 'k']) expect(ask(mark)).toBeInstanceOf(Promise);
    expect(await told(ask('l'))).toEqual(['OVERLOADED']);
  });

  it('lets a document wait whose variables are nested too deep to be written, and counts it as the longest there may be', async () => {
    const time = createManualTime();
    const { operations } = createWorld({ ...time, heapBytes: 32 * 2 * 16 * 65_536 });
    const variables = { v: JSON.parse(`${'['.repeat(30_000)}${']'.repeat(30_000)}`) as unknown };
    const ask = (mark: string) =>
      operations.turnOf({ query: `{ hello } #${mark}`.padEnd(4000, 'x'), variables }, CALLER.address);
    expect(ask('begins')).toBeNull();
    const waiting = ['a', 'b'].map(ask);
    for (const turn of waiting) expect(turn).toBeInstanceOf(Promise);
    expect((await ask('c'))?.errors.map(codeOf)).toEqual(['OVERLOADED']);
    while (time.turn()) await new Promise((resolve) => setImmediate(resolve));
    for (const turn of waiting) expect(await turn).toBeNull();
  });

  it('draws one point per root field and alias from the limit of queries, and none for a mutation', async () => {
    const world = createWorld();
    await run(world, '{ hello a: hello b: hello }');
    await run(world, 'mutation { add }');
    expect(world.limits.asked).toEqual([{ limit: 'queryPerCaller', key: '192.0.2.1', points: 3 }]);
    world.limits.waitMs = 700;
    const limited = await run(world, '{ hello }');
    expect(limited.data).toBeUndefined();
    expect(limited.errors?.[0]?.extensions).toEqual({ code: 'RATE_LIMITED', retryAfterMs: 700 });
  });

  it('draws from the limit of a visitor where there is one, for a subscription too, and never nothing', async () => {
    const world = createWorld();
    const context = world.operations.contextFor({ ...CALLER, viewer: { id: 'v1', createdAt: new Date(0) } });
    const prepare = (query: string) => world.operations.prepare({ query }, 'ws') as Prepared;
    await world.operations.execute(prepare('{ hello @skip(if: true) }'), context);
    world.limits.waitMs = 700;
    const subscription = prepare('subscription { counted { number } }');
    const limited = await world.operations.subscribe(subscription, context, createListSink());
    expect('errors' in limited && limited.errors.map(codeOf)).toEqual(['RATE_LIMITED']);
    expect(world.limits.asked).toEqual(
      [1, 1].map((points) => ({ limit: 'queryPerCaller', key: 'v1', points })),
    );
  });
});
