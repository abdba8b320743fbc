import type { GraphQLError } from 'graphql';
import { describe, expect, it } from 'vitest';
import { codeOf } from '../../../src/graphql/errors.ts';
import { createMetrics } from '../../../src/lib/metrics.ts';
import type { OperationRequest } from '../../../src/graphql/prepared.ts';
import { createWorld } from './kit/world.ts';

const world = createWorld();

function refused(request: OperationRequest | string, { operations } = world): readonly GraphQLError[] {
  const prepared = operations.prepare(typeof request === 'string' ? { query: request } : request, 'http');
  return 'errors' in prepared ? prepared.errors : [];
}

const codes = (request: OperationRequest | string) => refused(request).map(codeOf);

describe('the cost of an operation', () => {
  it('is 5,000 at most', () => {
    const query = (more: string) => `{ items(first: 49) { id items(first: 100) { id } } hello ${more} }`;
    expect(codes(query(''))).toEqual([]);
    expect(codes(query('a: hello'))).toEqual(['OPERATION_TOO_COMPLEX']);
  });

  it.each(['first: 100', 'last: 100', `ids: [${'"i", '.repeat(100)}]`])(
    'counts the items of (%s)',
    (given) => {
      expect(codes(`{ items(${given}) { items(first: 48) { id } } }`)).toEqual([]);
      expect(codes(`{ items(${given}) { items(first: 49) { id } } }`)).toEqual(['OPERATION_TOO_COMPLEX']);
    },
  );

  it('takes a list whose size is not given for a page of 20, and what is no list for one', () => {
    expect(codes('{ items(first: 100) { items { id items(first: 1) { id } } } }')).toEqual([
      'OPERATION_TOO_COMPLEX',
    ]);
    expect(
      codes('{ items(first: 100) { items(first: 19) { id } } item { items { items { id } } } }'),
    ).toEqual([]);
  });

  it('counts no more items than a page may have, and none as one: what is negative takes nothing away', () => {
    expect(codes('{ items(first: 1000000) { id } }')).toEqual([]);
    const dear = 'items(first: 100) { items(first: 100) { id } }';
    for (const given of ['first: 0', 'first: -100', 'ids: []']) {
      expect(codes(`{ less: items(${given}) { ${dear} } }`)).toEqual(['OPERATION_TOO_COMPLEX']);
      expect(codes(`{ less: items(${given}) { id } ${dear} }`)).toEqual(['OPERATION_TOO_COMPLEX']);
    }
  });

  it('is that of the operation which is chosen', () => {
    const query = 'query Cheap { hello } query Dear { items(first: 100) { items(first: 100) { id } } }';
    for (const _ of [1, 2]) {
      expect(codes({ query, operationName: 'Dear' })).toEqual(['OPERATION_TOO_COMPLEX']);
      expect(codes({ query, operationName: 'Cheap' })).toEqual([]);
    }
  });

  it('is counted anew where a directive has another variable, and where a list of variables has', () => {
    const skipped =
      'query($s: Boolean!) { items(first: 100) { ...F @skip(if: $s) } } fragment F on Item { items(first: 60) { id } }';
    const listed = 'query($n: Int) { items(first: 100) { items(first: $n) { id } } hello @skip(if: true) }';
    for (const _ of [1, 2]) {
      expect(codes({ query: skipped, variables: { s: true } })).toEqual([]);
      expect(codes({ query: skipped, variables: { s: false } })).toEqual(['OPERATION_TOO_COMPLEX']);
      expect(codes({ query: listed, variables: { n: 60 } })).toEqual(['OPERATION_TOO_COMPLEX']);
      expect(codes({ query: listed, variables: { n: 10 } })).toEqual([]);
    }
  });

  it('is counted once for the same text and the same variables that matter', () => {
    const query =
      'query($n: Int, $name: String!) { items(first: $n) { items(first: 100) { id } } hello(name: $name) }';
    const [first] = refused({ query, variables: { n: 100, name: 'a' } });
    expect(refused({ query, variables: { n: 100, name: 'b' } })[0]).toBe(first);
  });

  it('says of too many fields that they are', () => {
    const fragments = Array.from(
      { length: 14 },
      (_, i) => `fragment F${i} on Item { ...F${i + 1} ...F${i + 1} }`,
    );
    const [error] = refused(`{ item { ...F0 } } ${fragments.join(' ')} fragment F14 on Item { id }`);
    expect(error?.message).toBe('The operation selects too many fields.');
    expect(error && codeOf(error)).toBe('OPERATION_TOO_COMPLEX');
  });
});

describe('an argument that is wrong by its variable', () => {
  const query = 'query($name: String = "x") { hello(name: $name) }';

  it('is told to who sent it, and to nobody who sends the same document later', () => {
    for (const _ of [1, 2]) {
      const [error] = refused({ query, variables: { name: null } });
      expect(error?.message).toBe('Argument "name" of non-null type "String!" must not be null.');
      expect(error && codeOf(error)).toBe('BAD_USER_INPUT');
    }
    expect(codes({ query, variables: { name: 'ann' } })).toEqual([]);
    expect(codes({ query })).toEqual([]);
    expect(codes({ query, variables: { name: null } })).toEqual(['BAD_USER_INPUT']);
  });

  it('is no limit that refuses', async () => {
    const metrics = createMetrics({ version: 'test' });
    const measured = createWorld({ metrics });
    const rejections = async () => {
      const { values } = await metrics.limitRejections.get();
      return values.filter(({ value }) => value > 0);
    };
    expect(refused({ query, variables: { name: null } }, measured)).toHaveLength(1);
    expect(await rejections()).toEqual([]);
    expect(refused('{ items(first: 100) { items(first: 100) { id } } }', measured)).toHaveLength(1);
    expect(await rejections()).toMatchObject([{ labels: { rule: 'cost', transport: 'http' }, value: 1 }]);
  });
});
