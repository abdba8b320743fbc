import { maxAliasesRule } from '@escape.tech/graphql-armor-max-aliases';
import { maxDepthRule } from '@escape.tech/graphql-armor-max-depth';
import { MaxTokensParserWLexer } from '@escape.tech/graphql-armor-max-tokens';
import {
  GraphQLError,
  Kind,
  MaxIntrospectionDepthRule,
  NoSchemaIntrospectionCustomRule,
  SingleFieldSubscriptionsRule,
  specifiedRules,
  validate,
  visit,
  type DocumentNode,
  type FragmentDefinitionNode,
  type GraphQLSchema,
  type OperationDefinitionNode,
  type ValidationContext,
  type ValidationRule,
} from 'graphql';
import { LRUCache } from 'lru-cache';
import type { ErrorCode } from '../lib/coded-error.js';
import { createCostCheck } from './cost.js';
import { codedGraphQLError, withCode, type DocumentRule, type Refusal } from './errors.js';

/** Longest document, in UTF-16 code units. */
const MAX_CHARACTERS = 8192;
const MAX_TOKENS = 400;
const MAX_DEPTH = 8;
const MAX_ALIASES = 15;
const MAX_DIRECTIVES = 9;
/** So many problems of one document are told; a client with more mends these first. */
const MAX_ERRORS = 10;
const MAX_REMEMBERED_DOCUMENTS = 1000;
/** This part of the heap may be taken by documents that are remembered. */
const REMEMBERED = 1 / 16;
/** What is kept of a token, in bytes: it, its node, and what is made of that. */
const TOKEN_BYTES = 768;
const CHARACTER_BYTES = 2;

/** `hardened` tells strangers less of the schema, and takes no request that a page of another site can make. */
export type ApiProfile = 'public' | 'hardened';

/** All that depends on the text of a document alone; made once per text. */
export interface CheckedDocument {
  readonly text: string;
  readonly document: DocumentNode;
  readonly operations: readonly OperationDefinitionNode[];
  readonly fragments: Record<string, FragmentDefinitionNode>;
  readonly cost: ReturnType<typeof createCostCheck>;
  /** What it takes while it is kept. */
  readonly bytes: number;
}

/** What a document takes while it is remembered, or its refusal: errors point at its nodes. In bytes. */
function bytesOf(text: string, document: DocumentNode | Refusal): number {
  let bytes = TOKEN_BYTES + CHARACTER_BYTES * text.length;
  let token = 'kind' in document ? document.loc?.startToken : null;
  for (; token; token = token.next) bytes += TOKEN_BYTES;
  return bytes;
}

const MAX_NAMES_TOLD = 5;

/** What to put into `operationName`. */
function remedyOf(operations: readonly OperationDefinitionNode[]): string {
  const names = operations.flatMap(({ name }) => (name === undefined ? [] : [name.value]));
  if (names.length === 0) return 'Leave operationName out.';
  return `It holds ${names.slice(0, MAX_NAMES_TOLD).join(', ')}${names.length > MAX_NAMES_TOLD ? ', …' : ''}.`;
}

const tooComplex = (what: string) =>
  codedGraphQLError('OPERATION_TOO_COMPLEX', `The document has too many ${what}.`);

/** Turns a limit that throws into one that reports, so that it is one error of one operation. */
const reporting = (what: string, onReject: () => void) => ({
  exposeLimits: false,
  propagateOnRejection: false,
  onReject: [
    (context: ValidationContext | null) => {
      onReject();
      context?.reportError(tooComplex(what));
    },
  ],
});

/**
 * Counts the directives of an operation as they are written: those of a fragment once, however often it is spread. Tools
 * that introspect spread theirs all over.
 */
const maxDirectivesRule =
  (onReject: () => void): ValidationRule =>
  (context) => ({
    OperationDefinition(operation) {
      let count = 0;
      for (const part of [operation, ...context.getRecursivelyReferencedFragments(operation)]) {
        visit(part, { Directive: () => void (count += 1) });
      }
      if (count <= MAX_DIRECTIVES) return;
      onReject();
      context.reportError(tooComplex('directives'));
    },
  });

/** The limits that need the parsed document. `onReject` hears which one refuses. */
const limitRules = (onReject: (rule: DocumentRule) => void): ValidationRule[] => [
  // The standard introspection query is 21 deep. graphql-js itself stops the kind that circles. A fragment is no
  // level: what is composed of many is as deep as what is written out.
  maxDepthRule({
    n: MAX_DEPTH,
    ignoreIntrospection: true,
    flattenFragments: true,
    ...reporting('levels', () => onReject('depth')),
  }),
  MaxIntrospectionDepthRule,
  maxAliasesRule({ n: MAX_ALIASES, allowList: [], ...reporting('aliases', () => onReject('aliases')) }),
  maxDirectivesRule(() => onReject('directives')),
];

/**
 * Parses and checks documents: size, tokens, depth, aliases, directives, then the rules of the schema. Answers
 * are remembered by text, refusals too.
 *
 * @param apiProfile - `hardened` refuses introspection and suggests no names.
 * @param heapBytes - how large the heap may become.
 */
export function createDocuments({
  schema,
  apiProfile,
  heapBytes,
}: {
  schema: GraphQLSchema;
  apiProfile: ApiProfile;
  heapBytes: number;
}) {
  const suggestions = apiProfile === 'public';
  const rules = suggestions ? specifiedRules : [...specifiedRules, NoSchemaIntrospectionCustomRule];
  const remembered = new LRUCache<string, CheckedDocument | Refusal>({
    max: MAX_REMEMBERED_DOCUMENTS,
    maxSize: Math.floor(REMEMBERED * heapBytes),
  });

  const refuse = (errors: readonly GraphQLError[], code: ErrorCode): Refusal => ({
    errors: errors.map((error) => withCode(error, code, { suggestions })),
  });

  function parse(text: string): DocumentNode | Refusal {
    let overrun = false;
    try {
      return new MaxTokensParserWLexer(text, {
        n: MAX_TOKENS,
        exposeLimits: false,
        onReject: [() => void (overrun = true)],
      }).parseDocument();
    } catch (error) {
      if (overrun) return { errors: [tooComplex('tokens')], rule: 'tokens' };
      if (!(error instanceof GraphQLError)) throw error;
      return refuse([error], 'GRAPHQL_PARSE_FAILED');
    }
  }

  /**
   * By the rules of the schema. One of graphql-js 16 throws where it depends on a variable whether a subscription selects
   * its field: it must do so whatever its variables are.
   */
  function brokenRules(document: DocumentNode): readonly GraphQLError[] {
    try {
      return validate(schema, document, rules, { maxErrors: MAX_ERRORS });
    } catch (error) {
      if (!(error instanceof GraphQLError)) throw error;
      const others = rules.filter((rule) => rule !== SingleFieldSubscriptionsRule);
      const broken = validate(schema, document, others, { maxErrors: MAX_ERRORS });
      if (broken.length > 0) return broken;
      const message = 'A subscription must not @skip or @include its field by a variable.';
      return [new GraphQLError(message, { nodes: error.nodes ?? null })];
    }
  }

  function check(text: string, document: DocumentNode | Refusal, bytes: number): CheckedDocument | Refusal {
    if ('errors' in document) return document;
    // First and apart: what is too large is not worth the costly rules.
    let rule: DocumentRule = 'depth';
    const limits = limitRules((rejected) => (rule = rejected));
    const excess = validate(schema, document, limits, { maxErrors: MAX_ERRORS });
    if (excess.length > 0) return { ...refuse(excess, 'OPERATION_TOO_COMPLEX'), rule };
    const broken = brokenRules(document);
    if (broken.length > 0) return refuse(broken, 'GRAPHQL_VALIDATION_FAILED');
    const operations = document.definitions.filter(
      (definition) => definition.kind === Kind.OPERATION_DEFINITION,
    );
    const fragments = Object.fromEntries(
      document.definitions
        .filter((definition) => definition.kind === Kind.FRAGMENT_DEFINITION)
        .map((fragment) => [fragment.name.value, fragment]),
    );
    const cost = createCostCheck(schema, document);
    return { text, document, operations, fragments, cost, bytes };
  }

  return {
    /** What it costs to read this text, as operations cost: some 2 ms of 1,000 characters. Nothing when that is known. */
    costOf: (text: string): number =>
      text.length > MAX_CHARACTERS || remembered.has(text) ? 0 : text.length,
    /** The document of this text, or why it is refused. */
    get(text: string): CheckedDocument | Refusal {
      if (text.length > MAX_CHARACTERS) return { errors: [tooComplex('characters')], rule: 'size' };
      const known = remembered.get(text);
      if (known !== undefined) return known;
      const document = parse(text);
      const bytes = bytesOf(text, document);
      const checked = check(text, document, bytes);
      remembered.set(text, checked, { size: bytes });
      return checked;
    },
    /** The operation to run, or why none can be chosen. */
    pick(checked: CheckedDocument, name: string | null): OperationDefinitionNode | Refusal {
      const candidates =
        name === null ? checked.operations : checked.operations.filter((each) => each.name?.value === name);
      const [operation, another] = candidates;
      if (operation !== undefined && another === undefined) return operation;
      const message =
        operation === undefined
          ? name === null
            ? 'The document holds no operation.'
            : `The document holds no operation of this name. ${remedyOf(checked.operations)}`
          : 'The document holds several operations; say which one with operationName.';
      return { errors: [codedGraphQLError('GRAPHQL_VALIDATION_FAILED', message)] };
    },
  };
}
