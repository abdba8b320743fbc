import { isUtf8 } from 'node:buffer';
import { GraphQLError } from 'graphql';
import type { OperationRequest } from '../graphql/prepared.js';

/** Largest body of a request, in bytes. */
export const MAX_BODY_BYTES = 65_536;

const PARAMETERS = new Set(['query', 'variables', 'operationName', 'extensions']);

/** A request that is not one of GraphQL; the message names the remedy. `http` is for the transport alone. */
export function badRequest(
  message: string,
  status = 400,
  headers: Record<string, string> = {},
): GraphQLError {
  return new GraphQLError(message, { extensions: { code: 'BAD_REQUEST', http: { status, headers } } });
}

export const tooLarge = (): GraphQLError =>
  badRequest(`The body is larger than ${MAX_BODY_BYTES} bytes. Send less at once.`, 413);

export const notAcceptable = (): GraphQLError =>
  badRequest('The answer is JSON: accept application/graphql-response+json.', 406);

const isJsonObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Media type and charset of a `Content-Type`, in lower case. */
function parseContentType(header: string): { type: string; charset: string } {
  const [type = '', ...parameters] = header.toLowerCase().split(';');
  const charset = parameters.map((each) => each.trim()).find((each) => each.startsWith('charset='));
  return { type: type.trim(), charset: charset?.slice('charset='.length).replaceAll('"', '') ?? 'utf-8' };
}

/** Why a POST with these headers is not looked at, or null. */
export function contentTypeProblem(
  contentType: string | undefined | null,
  encoding: string | undefined | null,
): GraphQLError | null {
  if (contentType === 'application/json' && encoding === undefined) return null;
  const remedy = 'Send a JSON body with `Content-Type: application/json`.';
  const { type, charset } = parseContentType(contentType ?? '');
  if (type !== 'application/json') {
    const given = type === '' ? 'no Content-Type' : `Content-Type ${type.slice(0, 60)}`;
    return badRequest(`A POST with ${given} is not accepted. ${remedy}`, 415);
  }
  if (charset !== 'utf-8' && charset !== 'utf8') return badRequest(`Only UTF-8 is accepted. ${remedy}`, 415);
  if (encoding !== undefined && encoding !== null && encoding.toLowerCase() !== 'identity') {
    return badRequest('A body with a Content-Encoding is not accepted. Send it as it is.', 415);
  }
  return null;
}

/**
 * What is wrong with a request that has no query. One that has the hash of its query instead is told so in the words
 * at which Apollo's and urql's links send the whole query.
 */
const withoutQuery = (extensions: unknown): GraphQLError =>
  isJsonObject(extensions) && isJsonObject(extensions['persistedQuery'])
    ? badRequest('PersistedQueryNotSupported')
    : badRequest('The "query" is missing: send the text of a GraphQL document.');

function kindOf(value: unknown): string {
  const kind = Array.isArray(value) ? 'array' : typeof value;
  return kind === 'array' || kind === 'object' ? `an ${kind}` : `a ${kind}`;
}

/**
 * Checks the parameters of a request, wherever they come from.
 *
 * @throws GraphQLError `BAD_REQUEST`.
 */
export function checkParameters(value: unknown): OperationRequest {
  if (Array.isArray(value)) throw badRequest('Batches are not accepted. Send each operation by itself.');
  if (!isJsonObject(value)) throw badRequest('The body must be a JSON object with a "query".');
  const unknown = Object.keys(value).find((name) => !PARAMETERS.has(name) && value[name] !== null);
  if (unknown !== undefined) {
    throw badRequest(
      `There is no parameter "${unknown.slice(0, 60).toWellFormed()}": only query, variables, operationName and extensions.`,
    );
  }
  const { query, operationName = null, variables = null, extensions = null } = value;
  if (query === undefined || query === null) throw withoutQuery(extensions);
  if (typeof query !== 'string') throw badRequest(`"query" must be a text, not ${kindOf(query)}.`);
  if (operationName !== null && typeof operationName !== 'string') {
    throw badRequest(`"operationName" must be a text, not ${kindOf(operationName)}.`);
  }
  if (variables !== null && !isJsonObject(variables)) {
    throw badRequest(`"variables" must be an object, not ${kindOf(variables)}.`);
  }
  if (extensions !== null && !isJsonObject(extensions)) {
    throw badRequest(`"extensions" must be an object, not ${kindOf(extensions)}.`);
  }
  return { query, operationName, variables, extensions };
}

function parseJson(text: string, what: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw badRequest(`${what} is not JSON.`);
  }
}

/** The operation in the body of a POST. @throws GraphQLError `BAD_REQUEST`. */
export function requestOfBody(body: Buffer): OperationRequest {
  // What is no UTF-8 would be replaced, and a text stored that nobody sent.
  if (!isUtf8(body)) throw badRequest('The body is not UTF-8. Send JSON in that encoding.');
  return checkParameters(parseJson(body.toString(), 'The body'));
}

/** The operation in the query string of a GET. @throws GraphQLError `BAD_REQUEST`. */
export function requestOfQueryString(queryString: string): OperationRequest {
  const search = new URLSearchParams(queryString);
  // Empty it is none, as GraphQL over HTTP has it: a query string has no null.
  const operationName = search.get('operationName');
  const json = (name: string): unknown => {
    const text = search.get(name);
    return text === null || text === '' ? null : parseJson(text, `The parameter "${name}"`);
  };
  return checkParameters({
    query: search.get('query') ?? undefined,
    operationName: operationName === '' ? null : operationName,
    variables: json('variables'),
    extensions: json('extensions'),
  });
}
