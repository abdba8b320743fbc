import { GraphQLError, Kind, visit, type DocumentNode, type FieldNode, type GraphQLSchema } from 'graphql';
import { getComplexity, type ComplexityEstimator } from 'graphql-query-complexity';
import { LRUCache } from 'lru-cache';
import { DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE } from './connection.js';
import { codedGraphQLError, withCode, type Refusal } from './errors.js';

/** Most that one operation may cost: one per field, times the size of every list it lies in. */
export const MAX_COST = 5000;
/**
 * What costs less is not counted for the share that one address has of a turn of the event loop: its messages do not wait
 * behind long lists, since the pump divides so many of them among turns.
 */
export const MIN_COUNTED_COST = 100;
const MAX_REMEMBERED_COSTS = 64;
/** Longer keys are not worth remembering. */
const MAX_KEY_LENGTH = 256;

/** So much of an alias, in characters, stands in an answer for the cost of its field alone. */
const ALIAS_LENGTH = 64;

const SIZE_ARGUMENTS = new Set(['first', 'last', 'ids']);

/** Items in the lists of introspection, on average; of `types` there are as many as the schema has. */
const INTROSPECTION_SIZES: ReadonlyMap<string, number> = new Map([
  ['directives', 6],
  ['locations', 3],
  ['fields', 5],
  ['inputFields', 3],
  ['enumValues', 6],
]);
/** What the schema says of itself is at hand: so many of its fields cost as much as one of the store's. */
const INTROSPECTION_SHARE = 12;
const INTROSPECTION_ROOTS = new Set(['__schema', '__type']);

/** One; more for a long alias, which an answer repeats as often as its field. */
const ownCost = ({ alias }: FieldNode): number =>
  Math.max(1, Math.ceil((alias?.value.length ?? 0) / ALIAS_LENGTH));

/**
 * For the fields of introspection alone: a document of a few hundred tokens can ask for a schema many times over.
 * The usual query of tools may stand twice in an operation.
 */
const introspection =
  (schema: GraphQLSchema): ComplexityEstimator =>
  ({ type, field: { name }, node, childComplexity }) => {
    if (INTROSPECTION_ROOTS.has(name))
      return ownCost(node) + Math.ceil(childComplexity / INTROSPECTION_SHARE);
    if (!type.name.startsWith('__')) return undefined;
    const types = Object.keys(schema.getTypeMap()).length;
    return (
      ownCost(node) + (name === 'types' ? types : (INTROSPECTION_SIZES.get(name) ?? 1)) * childComplexity
    );
  };

/** One for the field, plus its selection once for every item that the field may give. */
const bySize: ComplexityEstimator = ({ args, childComplexity, field, node }) => {
  const asked: unknown = args['first'] ?? args['last'] ?? args['ids'];
  const pages = field.args.some(({ name }) => name === 'first' || name === 'last');
  const count = Array.isArray(asked) ? asked.length : typeof asked === 'number' ? asked : null;
  const size = count ?? (pages ? DEFAULT_PAGE_SIZE : 1);
  return ownCost(node) + Math.min(Math.max(size, 1), MAX_PAGE_SIZE) * childComplexity;
};

/** Names of the variables that the cost of a document depends on. */
function variablesOfCost(document: DocumentNode): readonly string[] {
  const names = new Set<string>();
  visit(document, {
    Argument: (argument, _key, _parent, _path, ancestors) => {
      const holder = ancestors.at(-1);
      const ofDirective = holder !== undefined && 'kind' in holder && holder.kind === Kind.DIRECTIVE;
      if (!ofDirective && !SIZE_ARGUMENTS.has(argument.name.value)) return;
      visit(argument, { Variable: (variable) => void names.add(variable.name.value) });
    },
  });
  return [...names].sort();
}

const tooComplex = (message: string): Refusal => ({
  errors: [codedGraphQLError('OPERATION_TOO_COMPLEX', message)],
  rule: 'cost',
});

/**
 * Counts what an operation may cost after its variables are known, and remembers the answers for one document.
 * The returned function gives the cost, or refuses what costs too much or cannot be counted since an argument is wrong.
 */
export function createCostCheck(schema: GraphQLSchema, document: DocumentNode) {
  const names = variablesOfCost(document);
  const known = new LRUCache<string, number | Refusal>({ max: MAX_REMEMBERED_COSTS });

  function check(
    operationName: string | undefined,
    variables: Readonly<Record<string, unknown>>,
  ): number | Refusal {
    try {
      const cost = getComplexity({
        schema,
        query: document,
        variables: { ...variables },
        ...(operationName === undefined ? {} : { operationName }),
        estimators: [introspection(schema), bySize],
      });
      if (cost <= MAX_COST) return cost;
      return tooComplex(
        'The operation may return too much. Ask for smaller pages, or for less of each item.',
      );
    } catch (error) {
      if (!(error instanceof GraphQLError)) throw error;
      return error.nodes === undefined
        ? tooComplex('The operation selects too many fields.')
        : { errors: [withCode(error, 'BAD_USER_INPUT')] };
    }
  }

  return (operationName: string | undefined, variables: Readonly<Record<string, unknown>>) => {
    // A variable that is left out has its default, one that is null has not.
    const given = (name: string) => (Object.hasOwn(variables, name) ? [variables[name]] : []);
    // Nothing but a null can make an argument wrong here: what each variable itself may be has been checked.
    const nulls = Object.keys(variables).filter((name) => variables[name] === null);
    const key =
      names.length + nulls.length === 0
        ? (operationName ?? '')
        : JSON.stringify([operationName, nulls.sort(), ...names.map(given)]);
    const remembered = known.get(key);
    if (remembered !== undefined) return remembered;
    const cost = check(operationName, variables);
    if (key.length <= MAX_KEY_LENGTH) known.set(key, cost);
    return cost;
  };
}
