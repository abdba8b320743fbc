import { GraphQLError, type GraphQLFormattedError } from 'graphql';
import { CodedError, type ErrorCode, unavailable } from '../lib/coded-error.js';
import type { Logger } from '../lib/logger.js';

/**
 * The one place where an error becomes what a client sees. Rules: a `CodedError` goes out with its code and
 * words; an error of GraphQL itself (`withCode`) goes out with the code of the step that found it; everything
 * else is masked, and logged once with the request id that the masked error carries.
 */

const ARGUMENT_KINDS = new Set(['Argument', 'Field', 'Variable', 'ObjectField']);
const SUGGESTION = ' Did you mean ';
/** What is wrong stands at the ends of a message; between them may stand a value as long as the request. */
const MAX_MESSAGE_END = 500;

/** The message without what graphql-js suggests, which is always its last sentence. */
function withoutSuggestion(message: string): string {
  const at = message.lastIndexOf(SUGGESTION);
  return at !== -1 && message.endsWith('?') ? message.slice(0, at) : message;
}

/** A value is told for each thing that is wrong with it: ten times what was sent would be sent back. */
function shortened(message: string): string {
  if (message.length <= 2 * MAX_MESSAGE_END) return message;
  const ends = `${message.slice(0, MAX_MESSAGE_END)} … ${message.slice(-MAX_MESSAGE_END)}`;
  // Half of an emoji is JSON to some readers and not to others.
  return ends.toWellFormed();
}

/**
 * The same error with `code`, and nothing else, in its extensions. It tells the same places without holding the
 * nodes: an error that is remembered would keep the whole document that it is about.
 */
export function withCode(error: GraphQLError, code: ErrorCode, options: { suggestions?: boolean } = {}) {
  const told = options.suggestions === false ? withoutSuggestion(error.message) : error.message;
  return new GraphQLError(shortened(told), {
    source: error.source ?? null,
    positions: error.positions ?? null,
    path: error.path ?? null,
    extensions: { code },
  });
}

/** Which limit refused a document. */
export type DocumentRule = 'depth' | 'aliases' | 'tokens' | 'directives' | 'cost' | 'size';

/** Why an operation is not run. */
export interface Refusal {
  readonly errors: readonly GraphQLError[];
  /** Set when it is a limit that refuses. */
  readonly rule?: DocumentRule;
}

/** An error with a code of the contract, made here rather than thrown by a domain. */
export function codedGraphQLError(code: ErrorCode, message: string, retryAfterMs?: number): GraphQLError {
  return new GraphQLError(message, {
    extensions: retryAfterMs === undefined ? { code } : { code, retryAfterMs },
  });
}

/** The code of an error that went through this file; every error of a result has. */
export function codeOf(error: GraphQLError | GraphQLFormattedError): string {
  const code = error.extensions?.['code'];
  return typeof code === 'string' ? code : 'INTERNAL_SERVER_ERROR';
}

/** How long the client is asked to wait, in milliseconds, if it is. */
export function retryAfterMsOf(error: GraphQLError): number | undefined {
  const value = error.extensions['retryAfterMs'];
  return typeof value === 'number' ? value : undefined;
}

function rootCause(error: unknown): unknown {
  let cause = error;
  while (cause instanceof GraphQLError && cause.originalError !== undefined) cause = cause.originalError;
  return cause;
}

/** graphql-js reports a bad argument by the nodes it is about; a value that it cannot serialise has none. */
const isAboutInput = (cause: unknown): cause is GraphQLError =>
  cause instanceof GraphQLError && (cause.nodes?.some((node) => ARGUMENT_KINDS.has(node.kind)) ?? false);

const isAbort = (cause: unknown): boolean =>
  cause instanceof Error && (cause.name === 'AbortError' || cause.name === 'TimeoutError');

/**
 * Turns whatever was thrown while an operation ran into what its client may see. Never throws.
 *
 * @param context - where a masked error is logged, and the id that client and log share.
 */
export function toClientError(
  error: unknown,
  context: { readonly log: Logger; readonly requestId: string },
): GraphQLError {
  const { requestId } = context;
  const located = error instanceof GraphQLError ? error : undefined;
  const told = (message: string, code: ErrorCode, wait: { retryAfterMs?: number } = {}): GraphQLError =>
    new GraphQLError(message, {
      nodes: located?.nodes ?? null,
      source: located?.source ?? null,
      positions: located?.positions ?? null,
      path: located?.path ?? null,
      extensions: { code, ...wait, requestId },
    });
  const root = rootCause(error);
  const cause = isAbort(root) ? unavailable(root) : root;
  if (cause instanceof CodedError) {
    const { code, message, retryAfterMs } = cause;
    return told(message, code, retryAfterMs === undefined ? {} : { retryAfterMs });
  }
  if (isAboutInput(cause)) return told(shortened(cause.message), 'BAD_USER_INPUT');
  context.log.error({ requestId, err: cause, path: located?.path }, 'An operation failed unexpectedly');
  return told('Something went wrong on the server.', 'INTERNAL_SERVER_ERROR');
}
