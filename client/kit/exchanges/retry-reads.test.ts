import {
  CombinedError,
  createRequest,
  gql,
  makeResult,
  type Operation,
  type OperationResult,
} from '@urql/core';
import { filter, makeSubject, map, pipe, subscribe } from 'wonka';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { environmentWith } from '../../../tests/client/kit/support/environment.js';
import { retryReads } from './retry-reads.js';

const READ = createRequest(gql('{ viewer { id } }'), {});
const operation = (kind: Operation['kind']): Operation => ({
  ...READ,
  kind,
  context: { url: '', requestPolicy: 'cache-first' },
});
const refusal = (code: string) =>
  new CombinedError({ graphQLErrors: [{ message: code, extensions: { code } }] });

describe('retryReads', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  /** Answers each operation with the next of `codes`, and with data when there are none left. */
  function start(...codes: string[]) {
    const operations = makeSubject<Operation>();
    const results: OperationResult[] = [];
    let asked = 0;
    const exchange = retryReads(environmentWith(0.5))({
      forward: (source) =>
        pipe(
          source,
          filter(({ kind }) => kind !== 'teardown'),
          map((each) => {
            const code = codes[asked++];
            const result = makeResult(each, { data: { viewer: null } });
            return code === undefined ? result : { ...result, data: undefined, error: refusal(code) };
          }),
        ),
      client: null as never,
      dispatchDebug: () => {},
    });
    pipe(
      exchange(operations.source),
      subscribe((result) => results.push(result)),
    );
    return {
      run: (kind: Operation['kind']) => operations.next(operation(kind)),
      results,
      asked: () => asked,
    };
  }

  it('runs a query again with growing waits until it is answered', async () => {
    const { run, results, asked } = start('UNAVAILABLE', 'OVERLOADED');
    run('query');
    expect(results).toEqual([]);
    await vi.advanceTimersByTimeAsync(250);
    expect(asked()).toBe(2);
    await vi.advanceTimersByTimeAsync(500);
    expect(results).toHaveLength(1);
    expect(results[0]?.error).toBeUndefined();
  });

  it('hands on what a retry cannot heal, and every failure of a mutation', () => {
    const query = start('GRAPHQL_VALIDATION_FAILED');
    query.run('query');
    const mutation = start('UNAVAILABLE');
    mutation.run('mutation');
    for (const { results } of [query, mutation]) expect(results[0]?.error).toBeDefined();
  });

  it('forgets a query that nobody asks for any more', async () => {
    const { run, asked } = start('UNAVAILABLE');
    run('query');
    run('teardown');
    await vi.advanceTimersByTimeAsync(60_000);
    expect(asked()).toBe(1);
    expect(vi.getTimerCount()).toBe(0);
  });
});
