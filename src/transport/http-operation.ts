import type { IncomingMessage } from 'node:http';
import { OperationTypeNode, type ExecutionResult } from 'graphql';
import type { ApiProfile } from '../graphql/document.js';
import { codedGraphQLError, toClientError, type Refusal } from '../graphql/errors.js';
import type { Operations } from '../graphql/operation.js';
import type { Caller, OperationRequest, Prepared } from '../graphql/prepared.js';
import type { Clock } from '../lib/clock.js';
import type { Ids } from '../lib/ids.js';
import type { Logger } from '../lib/logger.js';
import type { RateLimits } from '../limits/rate-limits.js';
import type { TokenTerm } from '../visitors/visitor-token.js';
import type { Callers } from './caller.js';
import { badRequest } from './graphql-request.js';
import { createRefusedCallers } from './refused-callers.js';

const GONE = codedGraphQLError('INTERNAL_SERVER_ERROR', 'The client went away.');

/** Whether a request has a header that no page of another origin can send unasked. */
const isDeliberate = ({ headers }: IncomingMessage): boolean =>
  headers.authorization !== undefined || headers['x-graphql-yoga-csrf'] !== undefined;

/** What an HTTP request may do once it is known who asks and what. */
export interface Admitted {
  readonly prepared: Prepared;
  readonly caller: Caller;
  /** For how long the caller's token holds; null without one, or for ever. */
  readonly term: TokenTerm | null;
}

/**
 * Authenticates and prepares the operation of one HTTP request, for the front and for Yoga alike.
 *
 * @param events - whether the answer is a stream of events.
 */
export function createHttpOperations({
  operations,
  callers,
  limits,
  clock,
  log,
  ids,
  apiProfile,
}: {
  operations: Operations;
  callers: Callers;
  limits: RateLimits;
  clock: Clock;
  log: Logger;
  ids: Ids;
  apiProfile: ApiProfile;
}) {
  const refused = createRefusedCallers({ limits, clock });

  async function admit(
    request: IncomingMessage,
    params: OperationRequest,
    events: boolean,
  ): Promise<Admitted | Refusal> {
    try {
      const identity = await callers.ofRequest(request);
      const caller = { viewer: identity?.viewer ?? null, address: callers.address(request) };
      const key = caller.viewer?.id ?? caller.address;
      const unread = refused.check(key);
      if (unread !== null) return { errors: [unread] };
      const turn = operations.turnOf(params, caller.address);
      if (turn !== null) {
        const late = await turn;
        if (late !== null) return late;
        // Others of this caller were read meanwhile.
        const unreadNow = refused.check(key);
        if (unreadNow !== null) return { errors: [unreadNow] };
      }
      const prepared = operations.prepare(params, events ? 'sse' : 'http');
      if ('errors' in prepared) {
        const tooMany = await refused.add(key);
        return tooMany === null ? prepared : { errors: [tooMany] };
      }
      if (request.method === 'GET' && prepared.kind === OperationTypeNode.MUTATION) {
        return { errors: [badRequest('A mutation must be sent by POST.', 405, { allow: 'POST' })] };
      }
      if (apiProfile === 'hardened' && request.method === 'GET' && !isDeliberate(request)) {
        return {
          errors: [badRequest('A GET needs the header `X-Graphql-Yoga-Csrf` or `Authorization` here.')],
        };
      }
      if (prepared.kind === OperationTypeNode.SUBSCRIPTION && !events) {
        const remedy = 'Subscribe over WebSocket, or with `Accept: text/event-stream`.';
        return { errors: [badRequest(`A subscription has more than one result. ${remedy}`)] };
      }
      // Nobody can read the answer. A mutation was sent whole, and is done.
      if (prepared.kind === OperationTypeNode.QUERY && request.socket.destroyed) return { errors: [GONE] };
      return { prepared, caller, term: identity?.term ?? null };
    } catch (error) {
      return { errors: [toClientError(error, { log, requestId: ids.uuid() })] };
    }
  }

  return {
    admit,
    /** Runs a query or mutation. Never rejects. */
    async run(request: IncomingMessage, params: OperationRequest): Promise<ExecutionResult> {
      const admitted = await admit(request, params, false);
      if ('errors' in admitted) return { errors: admitted.errors };
      return operations.execute(admitted.prepared, operations.contextFor(admitted.caller));
    },
  };
}

export type HttpOperations = ReturnType<typeof createHttpOperations>;
