import { executeSync, GraphQLError, parse } from 'graphql';
import { expect, it } from 'vitest';
import { toClientError } from '../../../src/graphql/errors.ts';
import { unavailable } from '../../../src/lib/coded-error.ts';
import { createWorld } from './kit/world.ts';

function told(error: unknown) {
  const logged: object[] = [];
  const { log } = createWorld().operations.contextFor({ viewer: null, address: '192.0.2.1' });
  const requestId = 'id-1';
  const { message, extensions } = toClientError(error, {
    log: { ...log, error: (fields) => void logged.push(fields) },
    requestId,
  });
  return { message, extensions, logged: logged.length };
}

it.each(['AbortError', 'TimeoutError'])(
  'an %s of the store is UNAVAILABLE, and no fault to be logged',
  (name) => {
    for (const error of [
      new DOMException('over', name),
      new GraphQLError('', {
        originalError: new GraphQLError('', { originalError: new DOMException('over', name) }),
      }),
    ]) {
      expect(told(error)).toEqual({
        message: 'The store did not answer in time. Try again.',
        extensions: { code: 'UNAVAILABLE', requestId: 'id-1' },
        logged: 0,
      });
    }
  },
);

it('what is thrown without being an error is masked and logged too', () => {
  for (const thrown of [null, undefined, 'secret', { name: 'AbortError' }, new GraphQLError('secret')]) {
    expect(told(thrown)).toEqual({
      message: 'Something went wrong on the server.',
      extensions: { code: 'INTERNAL_SERVER_ERROR', requestId: 'id-1' },
      logged: 1,
    });
  }
});

it('a failure without a wait names none', () => {
  expect(Object.keys(told(unavailable()).extensions)).toEqual(['code', 'requestId']);
});

it('an argument that is found wrong while its operation runs is told with its place, like one found before', () => {
  const { operations, schema } = createWorld();
  const document = parse('query($name: String = "x") { a: hello(name: $name) hello }');
  const { data, errors: [found] = [] } = executeSync({ schema, document, variableValues: { name: null } });
  expect(data).toEqual({ a: null, hello: 'hello you' });
  const context = operations.contextFor({ viewer: null, address: '192.0.2.1' });
  expect(toClientError(found, context).toJSON()).toEqual({
    message: 'Argument "name" of non-null type "String!" must not be null.',
    path: ['a'],
    locations: [{ line: 1, column: 45 }],
    extensions: { code: 'BAD_USER_INPUT', requestId: context.requestId },
  });
});
