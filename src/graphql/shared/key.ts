import { Kind, TypeInfo, visit, visitWithTypeInfo, type DocumentNode, type GraphQLSchema } from 'graphql';

/** What decides whether, and with whom, a subscription shares its executions. Made once per document. */
export interface Sharing {
  /** False when the selection depends on who looks: then each subscriber is executed for alone. */
  readonly shareable: boolean;
  /** Variables that only say where to start: subscribers that differ in these alone are the same. */
  readonly startVariables: ReadonlySet<string>;
}

/**
 * Reads the sharing of a document from the schema: a field marked by `extensions: { viewerDependent: true }`
 * keeps it from being shared. A variable counts as a start only if every use of it is as the value of a start
 * argument of `fieldName`.
 */
export function sharingOf(
  schema: GraphQLSchema,
  document: DocumentNode,
  fieldName: string,
  startArguments: readonly string[],
): Sharing {
  const typeInfo = new TypeInfo(schema);
  const starts = new Set<string>();
  const others = new Set<string>();
  let shareable = true;

  visit(
    document,
    visitWithTypeInfo(typeInfo, {
      VariableDefinition: () => false,
      Field: () => {
        if (typeInfo.getFieldDef()?.extensions['viewerDependent'] === true) shareable = false;
      },
      Argument: (argument) => {
        if (argument.value.kind !== Kind.VARIABLE) return undefined;
        const isRoot =
          typeInfo.getParentType() === schema.getSubscriptionType() &&
          typeInfo.getFieldDef()?.name === fieldName;
        if (!isRoot || !startArguments.includes(argument.name.value)) return undefined;
        starts.add(argument.value.name.value);
        return false;
      },
      Variable: (variable) => void others.add(variable.name.value),
    }),
  );
  return { shareable, startVariables: without(starts, others) };
}

const without = (all: ReadonlySet<string>, unwanted: ReadonlySet<string>) =>
  new Set([...all].filter((name) => !unwanted.has(name)));

/** JSON with the keys of every object in order, so that equal values give equal text. */
function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null';
  const entries = Object.entries(value)
    .filter(([, each]) => each !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${entries.map(([name, each]) => `${JSON.stringify(name)}:${canonical(each)}`).join(',')}}`;
}

/** Equal keys mean equal results: the document, the operation, and the variables that matter. */
export function groupKey(
  text: string,
  operationName: string | undefined,
  variables: Readonly<Record<string, unknown>>,
  sharing: Sharing,
): string {
  const kept = Object.entries(variables).filter(([name]) => !sharing.startVariables.has(name));
  return JSON.stringify([text, operationName ?? null, canonical(Object.fromEntries(kept))]);
}
