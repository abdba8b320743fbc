import { GraphQLError, type ExecutionResult } from 'graphql';
import { getSSEProcessor, type Plugin } from 'graphql-yoga';
import { toClientError } from '../../graphql/errors.js';
import type { Ids } from '../../lib/ids.js';
import type { Logger } from '../../lib/logger.js';
import { badRequest, notAcceptable, tooLarge } from '../graphql-request.js';
import {
  ANY_JSON,
  JSON_RESPONSE,
  negotiate,
  toHttpAnswer,
  wantsEvents,
  type HttpAnswer,
} from '../graphql-response.js';

const TOO_LARGE = 413;
const EVENT_STREAM = 'text/event-stream';

const statusOf = (error: GraphQLError): number | undefined => {
  const http: unknown = error.extensions['http'];
  if (typeof http !== 'object' || http === null || !('status' in http)) return undefined;
  return typeof http.status === 'number' ? http.status : undefined;
};

/** Gives an error that Yoga itself made one of our codes; ours pass as they are. */
export function createErrorMask({ log, ids }: { log: Logger; ids: Ids }) {
  return (error: unknown): GraphQLError => {
    const status = error instanceof GraphQLError ? statusOf(error) : undefined;
    if (!(error instanceof GraphQLError) || status === undefined) {
      return toClientError(error, { log, requestId: ids.uuid() });
    }
    if (error.extensions['code'] === 'BAD_REQUEST') return error;
    return status === TOO_LARGE ? tooLarge() : badRequest(error.message, status);
  };
}

/** All events of a stream that has one result: written at once it is counted as any other answer (unread.ts). */
function toEvents(result: ExecutionResult): HttpAnswer {
  const { status, headers, body } = toHttpAnswer(result, { mediaType: JSON_RESPONSE, legacy: true });
  return {
    status,
    headers: { ...headers, 'content-type': EVENT_STREAM, 'cache-control': 'no-cache' },
    body: `:\n\nevent: next\ndata: ${body}\n\nevent: complete\ndata:\n\n`,
  };
}

function toAnswer(result: ExecutionResult, accept: string | null): HttpAnswer {
  const negotiated = negotiate(accept);
  if (negotiated !== null) return toHttpAnswer(result, negotiated);
  if (wantsEvents(accept)) return toEvents(result);
  return toHttpAnswer({ errors: [notAcceptable()] }, ANY_JSON);
}

/**
 * Writes every answer that is no stream by the rules of graphql-response.ts, so that the front and Yoga agree
 * on status, media type and form. A subscription is a stream of events, and so is the answer to whoever
 * accepts events and no JSON; Yoga alone would prefer multipart where that is accepted too.
 */
export function useCodedErrors(): Plugin {
  const events = getSSEProcessor();
  return {
    onResultProcess(processing) {
      const { request, result } = processing;
      if (Array.isArray(result)) return;
      const accept = request.headers.get('accept');
      if (Symbol.asyncIterator in result) {
        processing.setResultProcessor(events, EVENT_STREAM);
        return;
      }
      const answer = toAnswer(result, accept);
      processing.setResultProcessor(
        (_result, fetchAPI) =>
          new fetchAPI.Response(answer.body, { status: answer.status, headers: { ...answer.headers } }),
        'application/json',
      );
    },
    onResponse({ response }) {
      // Whether a connection is kept is for the edge to say (http.ts).
      response.headers.delete('connection');
    },
  };
}
