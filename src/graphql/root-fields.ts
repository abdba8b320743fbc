import type { FieldNode, GraphQLSchema } from 'graphql';
import { collectFields } from 'graphql/execution/collectFields.js';
import type { Prepared } from './prepared.js';

/** The root fields that an operation selects with its variables, by response name. */
export function selectRootFields(
  schema: GraphQLSchema,
  { operation, coerced, checked }: Prepared,
): ReadonlyMap<string, readonly FieldNode[]> {
  const type = schema.getRootType(operation.operation);
  if (type === undefined || type === null) return new Map();
  return collectFields(schema, checked.fragments, { ...coerced }, type, operation.selectionSet);
}
