/**
 * Whether a request from this origin is served: none (not a browser), any when any is allowed, else an exact
 * match. An empty header or several in one match nothing.
 */
export function originAllowed(origin: string | undefined, allowed: readonly string[] | null): boolean {
  if (origin === undefined) return true;
  if (origin === '' || /[,\s]/.test(origin)) return false;
  return allowed === null || allowed.includes(origin);
}

const HEADER_NAMES = /^[A-Za-z0-9-]+( *, *[A-Za-z0-9-]+)*$/;
const PREFLIGHT_SECONDS = 7200;

/**
 * The CORS headers of an answer. No credentials are ever allowed: nothing is sent ambiently, so any origin
 * that may call may also name its headers.
 */
export function corsHeaders(
  origin: string | undefined,
  allowed: readonly string[] | null,
  requestedHeaders?: string,
): Record<string, string> {
  if (origin === undefined || !originAllowed(origin, allowed)) {
    return allowed === null ? {} : { vary: 'Origin' };
  }
  return {
    'access-control-allow-origin': allowed === null ? '*' : origin,
    ...(allowed === null ? {} : { vary: 'Origin' }),
    'access-control-expose-headers': 'Retry-After',
    ...(requestedHeaders !== undefined && HEADER_NAMES.test(requestedHeaders)
      ? {
          'access-control-allow-headers': requestedHeaders,
          'access-control-allow-methods': 'GET, POST',
          'access-control-max-age': String(PREFLIGHT_SECONDS),
        }
      : {}),
  };
}
