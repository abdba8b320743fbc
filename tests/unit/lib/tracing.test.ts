import { type Link, type Span, SpanStatusCode, trace, type Tracer } from '@opentelemetry/api';
import { afterEach, describe, expect, it } from 'vitest';
import { createTracing } from '../../../src/lib/tracing.js';
import { createWorld } from '../graphql/kit/world.js';

interface Recorded {
  readonly name: string;
  readonly attributes: Record<string, unknown>;
  readonly links: readonly Link[];
  status: SpanStatusCode;
  ends: number;
}

/** An SDK as far as this program meets it. */
function registerRecorder(): Recorded[] {
  const spans: Recorded[] = [];
  const tracer = {
    startActiveSpan(
      name: string,
      { attributes = {}, links = [] }: { attributes?: object; links?: readonly Link[] },
      run: (span: Span) => unknown,
    ) {
      const recorded: Recorded = {
        name,
        attributes: { ...attributes },
        links,
        status: SpanStatusCode.UNSET,
        ends: 0,
      };
      spans.push(recorded);
      return run({
        setAttribute: (key: string, value: unknown) => (recorded.attributes[key] = value),
        setStatus: ({ code }: { code: SpanStatusCode }) => (recorded.status = code),
        end: () => (recorded.ends += 1),
      } as unknown as Span);
    },
  } as unknown as Tracer;
  trace.setGlobalTracerProvider({ getTracer: () => tracer });
  return spans;
}
afterEach(() => trace.disable());

describe('spans', () => {
  it('are none without an SDK, and what runs is not changed', async () => {
    const tracing = createTracing({ version: '1' });
    await expect(tracing.span('x', {}, async () => 7)).resolves.toBe(7);
    await expect(tracing.span('x', {}, () => Promise.reject(new Error('no')))).rejects.toThrow('no');
  });

  it('end once, also when what they hold fails, and say so without its words', async () => {
    const spans = registerRecorder();
    const tracing = createTracing({ version: '1' });
    await tracing.span('good', { a: 1 }, async () => 1);
    await tracing.span('told', {}, async (fail) => fail('UNAVAILABLE'));
    await expect(tracing.span('bad', {}, () => Promise.reject(new TypeError('a secret')))).rejects.toThrow(
      'a secret',
    );
    expect(spans).toEqual([
      { name: 'good', attributes: { a: 1 }, links: [], status: SpanStatusCode.UNSET, ends: 1 },
      {
        name: 'told',
        attributes: { 'error.type': 'UNAVAILABLE' },
        links: [],
        status: SpanStatusCode.ERROR,
        ends: 1,
      },
      {
        name: 'bad',
        attributes: { 'error.type': 'TypeError' },
        links: [],
        status: SpanStatusCode.ERROR,
        ends: 1,
      },
    ]);
  });

  it('are linked to what they are told was the cause, unless that names no span', async () => {
    const spans = registerRecorder();
    const tracing = createTracing({ version: '1' });
    const cause = `00-${'a1'.repeat(16)}-${'b2'.repeat(8)}-01`;
    const nobody = [`00-${'0'.repeat(32)}-${'b2'.repeat(8)}-01`, `01-${'a1'.repeat(16)}-x`, '', 'x'];
    await tracing.span(
      'batch',
      {},
      async () => undefined,
      () => [cause, ...nobody],
    );
    let ran = 0;
    tracing.caused('delivery', cause, () => (ran += 1));
    expect(() =>
      tracing.caused('delivery', cause, () => {
        throw new Error('no');
      }),
    ).toThrow('no');
    const link = {
      context: { traceId: 'a1'.repeat(16), spanId: 'b2'.repeat(8), traceFlags: 1, isRemote: true },
    };
    expect(spans.map(({ links, ends }) => ({ links, ends }))).toEqual([
      { links: [link], ends: 1 },
      { links: [link], ends: 1 },
      { links: [link], ends: 1 },
    ]);
    expect([ran, tracing.current()]).toEqual([1, null]);
  });

  it('are around each operation, failed when the server failed and not when the caller did', async () => {
    const spans = registerRecorder();
    const { operations } = createWorld();
    async function run(query: string) {
      const prepared = operations.prepare({ query }, 'http');
      if ('errors' in prepared) throw new Error(JSON.stringify(prepared.errors));
      await operations.execute(prepared, operations.contextFor({ viewer: null, address: '127.0.0.1' }));
    }
    await run('query Hello { hello(name: "a secret") }');
    await run('{ boom }');
    expect(spans).toEqual([
      {
        name: 'graphql query',
        attributes: { 'graphql.operation.type': 'query', 'graphql.operation.name': 'Hello' },
        links: [],
        status: SpanStatusCode.UNSET,
        ends: 1,
      },
      {
        name: 'graphql query',
        attributes: {
          'graphql.operation.type': 'query',
          'graphql.operation.name': 'anonymous',
          'error.type': 'INTERNAL_SERVER_ERROR',
        },
        links: [],
        status: SpanStatusCode.ERROR,
        ends: 1,
      },
    ]);
  });
});
