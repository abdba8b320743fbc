/**
 * The codes of `errors[].extensions.code`. One code, one meaning, on every transport; the names are part of
 * the contract (docs/SPEC.md).
 */
export type ErrorCode =
  | 'BAD_REQUEST'
  | 'GRAPHQL_PARSE_FAILED'
  | 'GRAPHQL_VALIDATION_FAILED'
  | 'OPERATION_TOO_COMPLEX'
  | 'BAD_USER_INPUT'
  | 'BAD_CURSOR'
  | 'CURSOR_EXPIRED'
  | 'ROOM_NOT_FOUND'
  | 'UNAUTHENTICATED'
  | 'RATE_LIMITED'
  | 'OVERLOADED'
  | 'TOO_MANY_OPERATIONS'
  | 'UNAVAILABLE'
  | 'INTERNAL_SERVER_ERROR';

/**
 * A failure that a client may see: its code and message reach the client as they are, whatever transport it
 * uses. Every other error is masked as `INTERNAL_SERVER_ERROR`. Domains throw it; they know no GraphQL.
 */
export class CodedError extends Error {
  readonly code: ErrorCode;
  /** How long to wait before trying again, in milliseconds; only with `RATE_LIMITED` and `OVERLOADED`. */
  readonly retryAfterMs: number | undefined;

  constructor(code: ErrorCode, message: string, options: { retryAfterMs?: number; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'CodedError';
    this.code = code;
    this.retryAfterMs = options.retryAfterMs;
  }
}

/** The store did not answer in time, or lost its primary: what was asked may or may not have happened. */
export const unavailable = (cause?: unknown): CodedError =>
  new CodedError('UNAVAILABLE', 'The store did not answer in time. Try again.', { cause });
