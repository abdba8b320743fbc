import {
  defaultFieldResolver,
  execute as executeByGraphqlJs,
  GraphQLObjectType,
  GraphQLSchema,
  OperationTypeNode,
  type ExecutionResult,
  type OperationDefinitionNode,
} from 'graphql';
import type { Context } from '../context.js';
import { isPromise } from '../lib/is-promise.js';
import { compile, type Compiled, type CompiledField, type Data } from './compiled.js';
import type { Prepared } from './prepared.js';

/** What is executed once is not worth it: compiling takes about as long as executing. */
const COMPILED_AT_EXECUTION = 2;

/** Executes an operation, or what it selects of one event (the root value). Throws and rejects as graphql-js does. */
export type Execute = (
  prepared: Prepared,
  rootValue: Readonly<Record<string, unknown>>,
  context: Context,
) => ExecutionResult | Promise<ExecutionResult>;

/** The schema with mutations that have happened: each field is read from the root value. */
function happened(schema: GraphQLSchema): GraphQLSchema {
  const mutation = schema.getMutationType();
  if (mutation === undefined || mutation === null) return schema;
  const { fields, ...config } = mutation.toConfig();
  const read = Object.entries(fields).map(
    ([name, field]) => [name, { ...field, resolve: defaultFieldResolver }] as const,
  );
  const { types, ...rest } = schema.toConfig();
  return new GraphQLSchema({
    ...rest,
    types: types.filter((type) => type !== mutation),
    mutation: new GraphQLObjectType({ ...config, fields: Object.fromEntries(read) }),
  });
}

/**
 * Executes operations as graphql-js does, with selections that are read once (`compiled.ts`, docs/adr/0014). Where such
 * a selection has no answer, graphql-js executes the operation again, so nothing but a mutation may have side effects;
 * of a mutation that has happened only the result is completed again.
 */
export function createExecute(schema: GraphQLSchema): Execute {
  const schemaAfterwards = happened(schema);
  const known = new WeakMap<OperationDefinitionNode, { executions: number; compiled: Compiled | null }>();

  const byGraphqlJs = (
    { checked, operation, variables }: Prepared,
    rootValue: Readonly<Record<string, unknown>>,
    contextValue: Context,
    by = schema,
  ) =>
    executeByGraphqlJs({
      schema: by,
      document: checked.document,
      operationName: operation.name?.value,
      variableValues: variables,
      rootValue,
      contextValue,
    });

  function compiledOf({ checked, operation }: Prepared): Compiled | null {
    const entry = known.get(operation) ?? { executions: 0, compiled: null };
    known.set(operation, entry);
    entry.executions += 1;
    if (entry.executions === COMPILED_AT_EXECUTION) {
      entry.compiled = compile(schema, checked.fragments, operation);
    }
    return entry.compiled;
  }

  async function settle(
    data: PromiseLike<Data>,
    prepared: Prepared,
    rootValue: Readonly<Record<string, unknown>>,
    context: Context,
  ): Promise<ExecutionResult> {
    try {
      return { data: await data };
    } catch {
      return byGraphqlJs(prepared, rootValue, context.again());
    }
  }

  async function mutate(
    field: CompiledField,
    prepared: Prepared,
    context: Context,
  ): Promise<ExecutionResult> {
    const execution = { context, variables: prepared.coerced };
    const completeAgain = (outcome: () => unknown) =>
      byGraphqlJs(prepared, { [field.name]: outcome }, context.again(), schemaAfterwards);
    let value: unknown;
    try {
      value = await field.resolve({}, execution);
    } catch (error) {
      return completeAgain(() => {
        throw error;
      });
    }
    try {
      return { data: { [field.key]: await field.complete(value, execution) } };
    } catch {
      return completeAgain(() => value);
    }
  }

  return (prepared, rootValue, context) => {
    const compiled = compiledOf(prepared);
    if (compiled === null) return byGraphqlJs(prepared, rootValue, context);
    if (prepared.kind === OperationTypeNode.MUTATION) {
      const [field, another] = compiled.fields;
      return field === undefined || another !== undefined
        ? byGraphqlJs(prepared, rootValue, context)
        : mutate(field, prepared, context);
    }
    try {
      const data = compiled.complete(rootValue, { context, variables: prepared.coerced });
      return isPromise(data) ? settle(data, prepared, rootValue, context) : { data };
    } catch {
      return byGraphqlJs(prepared, rootValue, context.again());
    }
  };
}
