import { GraphQLError, type ExecutionResult } from 'graphql';
import { codeOf, retryAfterMsOf } from '../graphql/errors.js';
import { MS_PER_SECOND } from '../lib/clock.js';

const GRAPHQL_RESPONSE = 'application/graphql-response+json';
export const JSON_RESPONSE = 'application/json';

const CONTENT_TYPE = {
  [GRAPHQL_RESPONSE]: `${GRAPHQL_RESPONSE}; charset=utf-8`,
  [JSON_RESPONSE]: `${JSON_RESPONSE}; charset=utf-8`,
} as const;

/** How an answer is to be written. */
export interface Negotiated {
  readonly mediaType: typeof GRAPHQL_RESPONSE | typeof JSON_RESPONSE;
  /** The client accepts nothing but `application/json`: what is wrong with a document is told with status 200. */
  readonly legacy: boolean;
}

/** For a client that takes any JSON. */
export const ANY_JSON: Negotiated = { mediaType: JSON_RESPONSE, legacy: false };

/** Media types of an `Accept` header that are wanted at all, in lower case, and how much, up to 1. */
function accepted(header: string): ReadonlyMap<string, number> {
  const ranges = header.toLowerCase();
  if (!/[,;]/.test(ranges)) return new Map([[ranges.trim(), 1]]);
  return new Map(
    ranges
      .split(',')
      .map((range) => range.split(';').map((part) => part.trim()))
      .map(([type = '', ...parameters]): [string, number] => {
        const quality = parameters.find((each) => /^q=[01](\.\d*)?$/.test(each));
        return [type, Number(quality?.slice('q='.length) ?? 1)];
      })
      .filter(([, quality]) => quality > 0),
  );
}

/** Whether the client asks for server-sent events. */
export const wantsEvents = (accept: string | undefined | null): boolean =>
  accept !== undefined && accept !== null && accepted(accept).has('text/event-stream');

/** Whether the client asks for a page, as browsers do, and wants no JSON as much. */
export function wantsPage(accept: string | undefined): boolean {
  const types = accepted(accept ?? '');
  const wish = (type: string): number => types.get(type) ?? 0;
  return wish('text/html') > Math.max(wish(GRAPHQL_RESPONSE), wish(JSON_RESPONSE));
}

/** Chooses the form of a JSON answer; null when the client accepts none. */
export function negotiate(accept: string | undefined | null): Negotiated | null {
  if (accept === undefined || accept === null || accept.trim() === '') return ANY_JSON;
  const types = accepted(accept);
  const response = types.get(GRAPHQL_RESPONSE) ?? 0;
  const json = types.get(JSON_RESPONSE) ?? 0;
  if (response > 0 && response >= json) return { mediaType: GRAPHQL_RESPONSE, legacy: false };
  const any = response > 0 || types.has('*/*') || types.has('application/*');
  if (json > 0) return { mediaType: JSON_RESPONSE, legacy: !any };
  return any ? ANY_JSON : null;
}

const STATUS: Readonly<Record<string, number>> = {
  BAD_REQUEST: 400,
  UNAUTHENTICATED: 401,
  RATE_LIMITED: 429,
  OVERLOADED: 503,
  UNAVAILABLE: 503,
  INTERNAL_SERVER_ERROR: 500,
};
/** What is wrong with the document itself. */
const DOCUMENT_STATUS = 400;

interface HttpPart {
  readonly status?: number;
  readonly spec?: boolean;
  readonly headers?: Readonly<Record<string, string>>;
}

const isHttpPart = (value: unknown): value is HttpPart => typeof value === 'object' && value !== null;

/** Status and headers that an error asks for. `spec`: it is about the document, see `Negotiated.legacy`. */
function httpOf(error: GraphQLError): {
  status: number;
  spec: boolean;
  headers: Record<string, string>;
} {
  const part: unknown = error.extensions['http'];
  const own = isHttpPart(part) ? part : {};
  const status = own.status ?? STATUS[codeOf(error)];
  const headers: Record<string, string> = { ...own.headers };
  const retryAfterMs = retryAfterMsOf(error);
  if (retryAfterMs !== undefined) headers['retry-after'] = String(Math.ceil(retryAfterMs / MS_PER_SECOND));
  if (status === STATUS['UNAUTHENTICATED']) headers['www-authenticate'] = 'Bearer';
  return { status: status ?? DOCUMENT_STATUS, spec: own.spec ?? status === undefined, headers };
}

const withExtensions = (error: GraphQLError, extensions: Readonly<Record<string, unknown>>): GraphQLError =>
  new GraphQLError(error.message, {
    nodes: error.nodes ?? null,
    source: error.source ?? null,
    positions: error.positions ?? null,
    path: error.path ?? null,
    extensions: { ...extensions },
  });

/** A copy that says its status in the way Yoga reads; refusals are remembered and must stay as they are. */
export const withHttp = (error: GraphQLError): GraphQLError =>
  withExtensions(error, { ...error.extensions, http: httpOf(error) });

/** The error without what is meant for the transport. */
function forClient(error: GraphQLError): GraphQLError {
  const { http, ...extensions } = error.extensions;
  return http === undefined ? error : withExtensions(error, extensions);
}

export interface HttpAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** Writes a result as GraphQL over HTTP asks: fields 200, else what the first error says. */
export function toHttpAnswer(result: ExecutionResult, negotiated: Negotiated): HttpAnswer {
  const { errors } = result;
  const first = result.data === undefined ? errors?.[0] : undefined;
  const http = first === undefined ? { status: 200, spec: false, headers: {} } : httpOf(first);
  return {
    status: http.spec && negotiated.legacy ? 200 : http.status,
    headers: { ...http.headers, 'content-type': CONTENT_TYPE[negotiated.mediaType] },
    body: JSON.stringify(errors === undefined ? result : { ...result, errors: errors.map(forClient) }),
  };
}
