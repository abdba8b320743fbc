import {
  BREAK,
  defaultFieldResolver,
  getArgumentValues,
  GraphQLError,
  isLeafType,
  isListType,
  isNonNullType,
  isObjectType,
  visit,
  type FieldNode,
  type GraphQLField,
  type GraphQLFieldResolver,
  type GraphQLObjectType,
  type GraphQLOutputType,
  type GraphQLSchema,
  type OperationDefinitionNode,
} from 'graphql';
import { collectFields, collectSubfields } from 'graphql/execution/collectFields.js';
import type { Context } from '../context.js';
import { isPromise } from '../lib/is-promise.js';
import type { CheckedDocument } from './document.js';

/** What one execution gives to all of its fields. */
export interface Execution {
  readonly context: Context;
  /** As the schema reads them. */
  readonly variables: Readonly<Record<string, unknown>>;
}

export type Data = Record<string, unknown>;

/** Makes of a value what the client receives, or a promise of that; throws or rejects off the plain course. */
export type Complete<Completed = unknown> = (
  value: unknown,
  execution: Execution,
) => Completed | PromiseLike<Completed>;

export interface CompiledField {
  /** The field's name in the schema, and in the response. */
  readonly name: string;
  readonly key: string;
  /** Gives the field's value, or a promise of it. Throws and rejects as its resolver does. */
  readonly resolve: (source: unknown, execution: Execution) => unknown;
  readonly complete: Complete;
}

/** Thrown in place of a result: what is asked for takes more than what is compiled here. */
class Unfit extends Error {}

/** A stack for each would cost more than what was compiled has saved. */
const UNFIT = new Unfit('This takes more than the plain course.');

/** A resolver that does not ask for what graphql-js knows of its operation, its fourth argument. */
type PlainResolver = (source: unknown, args: unknown, context: Context) => unknown;
const PLAIN_PARAMETERS = 3;

const isPlain = (resolve: GraphQLFieldResolver<unknown, Context>): resolve is PlainResolver =>
  resolve.length <= PLAIN_PARAMETERS;

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null;

const TYPE_NAME = '__typename';
/** A selection is compiled without variables: graphql-js throws where a directive needs one. */
const NO_VARIABLES = {};

type Nodes = readonly FieldNode[];

const ignore = (): void => undefined;

/** What fails after something else has is told to nobody. */
function abandon(promises: readonly PromiseLike<unknown>[]): void {
  for (const promise of promises) promise.then(ignore, ignore);
}

function usesVariables({ arguments: given = [] }: FieldNode): boolean {
  let uses = false;
  const Variable = () => {
    uses = true;
    return BREAK;
  };
  for (const argument of given) visit(argument, { Variable });
  return uses;
}

function resolveOf(field: GraphQLField<unknown, unknown>, node: FieldNode): CompiledField['resolve'] {
  const { name, resolve } = field;
  if (resolve === undefined || resolve === defaultFieldResolver) {
    return (source) => {
      if (!isObject(source)) throw UNFIT;
      const value = source[name];
      if (typeof value === 'function') throw UNFIT;
      return value;
    };
  }
  if (!isPlain(resolve)) throw UNFIT;
  if (usesVariables(node)) {
    return (source, { context, variables }) =>
      resolve(source, getArgumentValues(field, node, variables), context);
  }
  const args = getArgumentValues(field, node);
  return (source, { context }) => resolve(source, args, context);
}

const present = (value: unknown): unknown => {
  if (value === null || value === undefined) throw UNFIT;
  return value;
};

function completeNonNull(nullable: Complete): Complete {
  return (value, execution) => {
    const completed = nullable(value, execution);
    return isPromise(completed) ? completed.then(present) : present(completed);
  };
}

function completeNullable(complete: Complete): Complete {
  const completeNow: Complete = (value, execution) => {
    if (value === null || value === undefined) return null;
    if (value instanceof Error) throw UNFIT;
    return complete(value, execution);
  };
  return (value, execution) =>
    isPromise(value)
      ? value.then((settled) => completeNow(settled, execution))
      : completeNow(value, execution);
}

function completeList(item: Complete): Complete {
  return (value, execution) => {
    if (!Array.isArray(value)) throw UNFIT;
    const completed: unknown[] = [];
    const pending: PromiseLike<unknown>[] = [];
    try {
      for (const each of value) {
        const one = item(each, execution);
        if (isPromise(one)) pending.push(one);
        completed.push(one);
      }
    } catch (error) {
      // Those behind it as well: nobody has looked at them yet.
      abandon([...pending, ...value.filter(isPromise)]);
      throw error;
    }
    return pending.length === 0 ? completed : Promise.all(completed);
  };
}

function completeObject(fields: readonly CompiledField[]): Complete<Data> {
  return (source, execution) => {
    const completed: Data = {};
    let pending: PromiseLike<void>[] | null = null;
    try {
      for (const { key, resolve, complete } of fields) {
        const one = complete(resolve(source, execution), execution);
        // Also what is still to come has its place in the order of the selection.
        completed[key] = one;
        if (isPromise(one)) {
          const settled = one.then((value) => {
            completed[key] = value;
          });
          if (pending === null) pending = [settled];
          else pending.push(settled);
        }
      }
    } catch (error) {
      if (pending !== null) abandon(pending);
      throw error;
    }
    return pending === null ? completed : Promise.all(pending).then(() => completed);
  };
}

/**
 * Reads the selection of an operation once, for all of its executions.
 *
 * What it makes knows the plain course of "Executing Selection Sets" and "Value Completion" in the specification:
 * objects, lists, leaf values, and promises of them. Whatever else happens, an error, or null where none may be, makes
 * it throw, and what it throws says nothing: the caller asks graphql-js, whose errors are the only ones there are.
 *
 * @returns the root fields, and what completes them all; null for what is not compiled: abstract types, introspection,
 *   directives that depend on variables, resolvers that take `info`.
 */
export function compile(
  schema: GraphQLSchema,
  fragments: CheckedDocument['fragments'],
  operation: OperationDefinitionNode,
) {
  function fieldOf(parent: GraphQLObjectType, key: string, nodes: Nodes): CompiledField {
    const [node] = nodes;
    const name = node?.name.value ?? '';
    // An object would take the key for its prototype.
    if (key === '__proto__') throw UNFIT;
    if (name === TYPE_NAME) return { name, key, resolve: () => parent.name, complete: (value) => value };
    const field = parent.getFields()[name];
    if (node === undefined || field === undefined) throw UNFIT;
    return { name, key, resolve: resolveOf(field, node), complete: completeOf(field.type, nodes) };
  }

  const fieldsOf = (parent: GraphQLObjectType, selected: ReadonlyMap<string, Nodes>): CompiledField[] =>
    [...selected].map(([key, nodes]) => fieldOf(parent, key, nodes));

  function completeOf(type: GraphQLOutputType, nodes: Nodes): Complete {
    if (isNonNullType(type)) return completeNonNull(completeOf(type.ofType, nodes));
    if (isListType(type)) return completeNullable(completeList(completeOf(type.ofType, nodes)));
    if (isLeafType(type)) return completeNullable((value) => present(type.serialize(value)));
    if (!isObjectType(type) || type.isTypeOf) throw UNFIT;
    const selected = collectSubfields(schema, fragments, NO_VARIABLES, type, nodes);
    return completeNullable(completeObject(fieldsOf(type, selected)));
  }

  const root = schema.getRootType(operation.operation);
  if (root === undefined || root === null) return null;
  try {
    const selected = collectFields(schema, fragments, NO_VARIABLES, root, operation.selectionSet);
    const fields = fieldsOf(root, selected);
    return { fields, complete: completeObject(fields) };
  } catch (error) {
    if (error instanceof Unfit || error instanceof GraphQLError) return null;
    throw error;
  }
}

export type Compiled = NonNullable<ReturnType<typeof compile>>;
