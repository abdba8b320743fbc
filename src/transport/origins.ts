import type { IncomingMessage } from 'node:http';

/**
 * Whether a request from this origin is served: none (not a browser), any when any is allowed, else an exact
 * match. An empty header or several in one match nothing.
 */
export function originAllowed(origin: string | undefined, allowed: readonly string[] | null): boolean {
  if (origin === undefined) return true;
  if (origin === '' || /[,\s]/.test(origin)) return false;
  return allowed === null || allowed.includes(origin);
}

/** Names of headers as RFC 9110 has them. */
const HEADER_NAMES = /^[\w!#$%&'*+.^`|~-]+( *, *[\w!#$%&'*+.^`|~-]+)*$/;
const PREFLIGHT_SECONDS = 7200;

/**
 * The CORS headers of the answer to a request, names and values in turn. No credentials are ever allowed: nothing is
 * sent ambiently, so any origin that may call may also name its headers.
 */
export function corsHeaders(
  { method, headers }: Pick<IncomingMessage, 'method' | 'headers'>,
  allowed: readonly string[] | null,
): readonly string[] {
  const { origin } = headers;
  const vary = allowed === null ? [] : ['vary', 'Origin'];
  if (origin === undefined || !originAllowed(origin, allowed)) return vary;
  const cors = ['access-control-allow-origin', allowed === null ? '*' : origin, ...vary];
  cors.push('access-control-expose-headers', 'Retry-After');
  const requested = headers['access-control-request-headers'] ?? 'content-type';
  if (method === 'OPTIONS' && HEADER_NAMES.test(requested)) {
    cors.push('access-control-allow-headers', requested, 'access-control-allow-methods', 'GET, POST');
    cors.push('access-control-max-age', String(PREFLIGHT_SECONDS));
  }
  return cors;
}
