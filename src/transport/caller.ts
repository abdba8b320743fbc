import type { IncomingMessage } from 'node:http';
import { toGlobalId } from '../graphql/node.js';
import { clientAddress } from '../lib/address.js';
import type { Clock } from '../lib/clock.js';
import { createDeadlines } from '../lib/deadlines.js';
import { CodedError } from '../lib/coded-error.js';
import type { Logger } from '../lib/logger.js';
import type { Metrics } from '../lib/metrics.js';
import type { Viewer, Visitor } from '../visitors/visitor.js';
import type { TokenTerm } from '../visitors/visitor-token.js';
import type { Identity, VisitorService } from '../visitors/visitor-service.js';
import { createVisitorNames } from './visitor-names.js';

/** A host's own idea of who is calling; null for nobody in particular. */
export type Identify = (request: IncomingMessage) => HostIdentity | null | Promise<HostIdentity | null>;

export interface HostIdentity {
  /** The same for the same person, for ever. */
  readonly subject: string;
  readonly displayName?: string;
}

/** Who a socket acts for, and what its acknowledgement says. */
export interface SocketIdentity {
  readonly viewer: Viewer;
  /** For how long its token holds, unless that is renewed; null: for ever. */
  readonly term: TokenTerm | null;
  readonly ack: Record<string, unknown>;
}

/** How long the store may take for a name in an acknowledgement; then the made-up one is told. */
const NAME_DEADLINE_MS = 1000;
const IDENTIFY_DEADLINE_MS = 5000;
const BEARER = /^Bearer +(\S+) *$/i;

/** Why a token was refused, as the metric tells it. */
function reasonOf(error: CodedError): 'malformed' | 'expired' | 'invalid' {
  const { cause } = error;
  if (cause === undefined) return 'malformed';
  return cause instanceof Error && cause.name === 'JWTExpired' ? 'expired' : 'invalid';
}

const refused = (message: string): CodedError => new CodedError('UNAUTHENTICATED', message);

/**
 * The token of an `Authorization` header; null without the header.
 *
 * @throws CodedError `UNAUTHENTICATED` for anything that is no bearer token.
 */
function bearerToken(header: string | undefined): string | null {
  if (header === undefined) return null;
  const token = BEARER.exec(header)?.[1];
  if (token === undefined) throw refused('Send the token as `Authorization: Bearer …`.');
  return token;
}

/**
 * The token in the payload of `connection_init`: `token`, or `Authorization` with a bearer token, the keys in
 * any case. Null when there is neither.
 *
 * @throws CodedError `UNAUTHENTICATED` for an empty token, one that is no text, or two that differ.
 */
function tokenOfParams(params: Readonly<Record<string, unknown>> | undefined): string | null {
  const tokens = new Set<string>();
  for (const [name, value] of Object.entries(params ?? {})) {
    const key = name.toLowerCase();
    if ((key !== 'token' && key !== 'authorization') || value === null || value === undefined) continue;
    if (typeof value !== 'string') throw refused('A token is a text.');
    const token = key === 'token' ? value : bearerToken(value);
    if (token !== null) tokens.add(token);
  }
  const [token, another] = tokens;
  if (another !== undefined) throw refused('The payload names two different tokens.');
  if (token === '') throw refused('The token is empty.');
  return token ?? null;
}

/** Tells who is calling, on HTTP and on sockets. */
export function createCallers({
  visitors,
  clock,
  log,
  metrics,
  trustProxyHops,
  identify,
}: {
  visitors: VisitorService;
  clock: Clock;
  log: Logger;
  metrics: Metrics;
  trustProxyHops: number;
  identify?: Identify | undefined;
}) {
  const nameDeadline = createDeadlines({ clock, ms: NAME_DEADLINE_MS });
  const present = createVisitorNames({ visitors, deadline: nameDeadline });
  const visitorPayload = ({ id, displayName }: Visitor) => ({ id: toGlobalId('Visitor', id), displayName });

  /** Counts and notes a refusal of a token on its way to the caller. */
  async function counted<Value>(authentication: Promise<Value>): Promise<Value> {
    try {
      return await authentication;
    } catch (error) {
      if (error instanceof CodedError && error.code === 'UNAUTHENTICATED') {
        const reason = reasonOf(error);
        metrics.authFailures.inc({ reason });
        log.debug({ reason }, 'A token was refused');
      }
      throw error;
    }
  }

  async function identified(request: IncomingMessage): Promise<Identity | null> {
    const host = (await identify?.(request)) ?? null;
    if (host === null) return null;
    return visitors.identify(host.subject, host.displayName ?? null, clock.deadline(IDENTIFY_DEADLINE_MS));
  }

  /**
   * Who sends an HTTP request, null without a token.
   *
   * @throws CodedError `UNAUTHENTICATED` for a token that is not valid.
   */
  async function ofRequest(request: IncomingMessage): Promise<Identity | null> {
    if (identify !== undefined) return identified(request);
    const token = bearerToken(request.headers.authorization);
    return token === null ? null : visitors.authenticate(token);
  }

  /**
   * The visitor of a socket: the token's, or a fresh one without a token.
   *
   * @throws CodedError `UNAUTHENTICATED` for a bad token, `RATE_LIMITED` when the address has made too many
   *   visitors.
   */
  async function ofSocket(
    request: IncomingMessage,
    params: Readonly<Record<string, unknown>> | undefined,
    address: string,
  ): Promise<SocketIdentity> {
    if (identify !== undefined) {
      const identity = await identified(request);
      if (identity === null) throw refused('The host of this chat does not know you.');
      const { viewer } = identity;
      return { viewer, term: null, ack: { visitor: visitorPayload(await present(viewer)) } };
    }
    const given = tokenOfParams(params);
    if (given === null) {
      const made = await visitors.create(null, address, nameDeadline());
      if (!made.ok) {
        const [{ message, retryAfterMs }] = made.problems;
        throw new CodedError('RATE_LIMITED', message, retryAfterMs === undefined ? {} : { retryAfterMs });
      }
      const { viewer, visitor, token, expiresAt } = made.value;
      return { viewer, term: made.value, ack: { token, expiresAt, visitor: visitorPayload(visitor) } };
    }
    const { viewer, term, renewed } = await visitors.authenticate(given);
    const token = renewed?.token ?? given;
    const held = renewed ?? term;
    const visitor = visitorPayload(await present(viewer));
    return { viewer, term: held, ack: { token, expiresAt: held?.expiresAt, visitor } };
  }

  return {
    /** The address that limits count; see `clientAddress`. */
    address: (request: IncomingMessage): string =>
      clientAddress(request.socket.remoteAddress, request.headers['x-forwarded-for'], trustProxyHops),
    ofRequest: (...args: Parameters<typeof ofRequest>) => counted(ofRequest(...args)),
    ofSocket: (...args: Parameters<typeof ofSocket>) => counted(ofSocket(...args)),
  };
}

export type Callers = ReturnType<typeof createCallers>;
