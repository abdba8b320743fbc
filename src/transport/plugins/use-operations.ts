import type { IncomingMessage, ServerResponse } from 'node:http';
import { OperationTypeNode, type ExecutionResult, type GraphQLError } from 'graphql';
import type { Plugin } from 'graphql-yoga';
import type { Operations } from '../../graphql/operation.js';
import { checkParameters } from '../graphql-request.js';
import { wantsEvents, withHttp } from '../graphql-response.js';
import type { HttpOperations } from '../http-operation.js';
import { createEventSink } from '../event-sink.js';
import type { StreamKeeper } from '../stream-keeper.js';
import type { Unread } from '../unread.js';

/** What Yoga's Node handler knows of a request. */
export interface NodeContext {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
}

/**
 * Runs every operation through `prepare`, `execute` and `subscribe` of graphql/operation.ts; Yoga's own parse,
 * validation and execution are never reached.
 */
export function useOperations({
  http,
  operations,
  streamKeeper,
  unread,
}: {
  http: HttpOperations;
  operations: Operations;
  streamKeeper: StreamKeeper;
  unread: Unread;
}): Plugin<object, NodeContext> {
  const refused = (errors: readonly GraphQLError[]): ExecutionResult => ({ errors: errors.map(withHttp) });

  return {
    onParams({ context: { req, res }, setParamsHandler }) {
      setParamsHandler(async ({ params }) => {
        const admitted = await http.admit(req, checkParameters(params), wantsEvents(req.headers.accept));
        if ('errors' in admitted) return refused(admitted.errors);
        const { caller, term } = admitted;
        const operationContext = operations.contextFor(caller);
        if (admitted.prepared.kind !== OperationTypeNode.SUBSCRIPTION) {
          const result = await operations.execute(admitted.prepared, operationContext);
          // Yoga tells of an answer when it was taken; it is written in this turn.
          setImmediate(() => unread.look(res, () => caller.address));
          return result.data === undefined ? refused(result.errors ?? []) : result;
        }
        const noPlace = streamKeeper.add(res, caller.address, term);
        if (noPlace !== null) return refused([noPlace]);
        const sink = createEventSink();
        const joined = await operations.subscribe(admitted.prepared, operationContext, sink);
        if ('errors' in joined) return refused(joined.errors);
        sink.onEnd(() => joined.leave());
        // A client that goes before the stream is read never calls `return`.
        streamKeeper.onceOver(res, () => sink.end());
        return sink.results;
      });
    },
  };
}
