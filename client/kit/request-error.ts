/** The codes of this kit, beside those of the server (`extensions.code`). */
export type KitCode =
  /** The connection ended before the answer: the outcome is unknown. */
  | 'DISCONNECTED'
  /** The socket was closed for good: by `close()`, or with a code that no retry can heal. */
  | 'CLOSED';

/** A request that failed: `code` is the server's, or one of `KitCode`. */
export class RequestError extends Error {
  readonly code: string;
  /** How long the server asks to wait, in milliseconds; null when it does not say. */
  readonly retryAfterMs: number | null;
  constructor(code: string, message: string, retryAfterMs: number | null = null) {
    super(message);
    this.name = 'RequestError';
    this.code = code;
    this.retryAfterMs = retryAfterMs;
  }
}

/** @throws RequestError the first of the user errors that a mutation was answered with. */
export function throwUserError(
  errors: readonly { code: string; message: string; retryAfterMs: number | null }[] = [],
): void {
  const [refusal] = errors;
  if (refusal !== undefined) throw new RequestError(refusal.code, refusal.message, refusal.retryAfterMs);
}

/**
 * What to do after a failure:
 * `again` the same request later · `newest` the cursor is of no use, read the newest page · `missing` there is no
 * such room · `stop` repeating cannot help.
 */
export type Remedy = 'again' | 'newest' | 'missing' | 'stop';

const REMEDIES: Readonly<Record<string, Remedy>> = {
  UNAVAILABLE: 'again',
  OVERLOADED: 'again',
  RATE_LIMITED: 'again',
  TOO_MANY_OPERATIONS: 'again',
  INTERNAL_SERVER_ERROR: 'again',
  UNAUTHENTICATED: 'again',
  DISCONNECTED: 'again',
  BAD_CURSOR: 'newest',
  CURSOR_EXPIRED: 'newest',
  ROOM_NOT_FOUND: 'missing',
};

/** A code that is not known is repeated only when the server says when. */
export function remedyFor({ code, retryAfterMs }: RequestError): Remedy {
  return Object.hasOwn(REMEDIES, code)
    ? (REMEDIES[code] ?? 'stop')
    : retryAfterMs === null
      ? 'stop'
      : 'again';
}

/** Reads whatever a GraphQL client reports: a list of errors, one error, or the end of a connection. */
export function toRequestError(cause: unknown): RequestError {
  if (cause instanceof RequestError) return cause;
  if (Array.isArray(cause)) return fromGraphQLError(cause[0]);
  if (isObject(cause) && Array.isArray(cause['graphQLErrors']) && cause['graphQLErrors'].length > 0) {
    return fromGraphQLError(cause['graphQLErrors'][0]);
  }
  if (isObject(cause) && isObject(cause['networkError'])) return toRequestError(cause['networkError']);
  const told = isObject(cause) ? (cause['message'] ?? cause['reason']) : cause;
  const message = typeof told === 'string' && told !== '' ? told : 'The connection was closed for good.';
  return new RequestError('CLOSED', message);
}

function fromGraphQLError(error: unknown): RequestError {
  const { message, extensions } = isObject(error) ? error : {};
  const { code, retryAfterMs } = isObject(extensions) ? extensions : {};
  return new RequestError(
    typeof code === 'string' ? code : 'UNKNOWN',
    typeof message === 'string' ? message : 'The request failed.',
    typeof retryAfterMs === 'number' && retryAfterMs >= 0 ? retryAfterMs : null,
  );
}

/** Whether a value has properties to look at. */
export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
