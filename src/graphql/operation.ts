import {
  GraphQLError,
  getVariableValues,
  OperationTypeNode,
  type ExecutionResult,
  type GraphQLSchema,
  type OperationDefinitionNode,
} from 'graphql';
import { createContext, type Context, type Services } from '../context.js';
import { createAbortWatch } from '../lib/abort-watch.js';
import { unavailable } from '../lib/coded-error.js';
import type { Clock } from '../lib/clock.js';
import { isPromise } from '../lib/is-promise.js';
import { createDeadlines } from '../lib/deadlines.js';
import type { Ids } from '../lib/ids.js';
import type { Logger } from '../lib/logger.js';
import type { Metrics } from '../lib/metrics.js';
import type { Tracing } from '../lib/tracing.js';
import { createTurnShare } from '../lib/turn-share.js';
import { MAX_COST, MIN_COUNTED_COST } from './cost.js';
import { createDocuments, type ApiProfile } from './document.js';
import { createDocumentTurns } from './document-turns.js';
import { codedGraphQLError, codeOf, toClientError, withCode, type Refusal } from './errors.js';
import { createExecute } from './execute.js';
import { createSharedExecution, type AnySubscriptionField } from './shared/shared-execution.js';
import type { Leavable } from './shared/member.js';
import type { Sink } from './shared/sink.js';
import type { Caller, OperationRequest, Prepared } from './prepared.js';
import { selectRootFields } from './root-fields.js';

/**
 * How long an operation may take; its store calls share it. A client is promised an answer within 5 s: what is left
 * of them is for the way there and back, and for an event loop that is late. With all 5 s here, clients of a frozen
 * MongoDB had their answers after 5.13 s.
 */
const DEADLINE_MS = 4500;
/** So much later its answer is given up, whatever still runs. */
const GRACE_MS = 250;
const MAX_VARIABLE_ERRORS = 10;

export type Transport = 'http' | 'sse' | 'ws';

export interface OperationsOptions {
  readonly schema: GraphQLSchema;
  readonly subscriptionFields: Readonly<Record<string, AnySubscriptionField>>;
  readonly services: Services;
  readonly apiProfile: ApiProfile;
  readonly log: Logger;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly metrics: Metrics;
  readonly tracing: Tracing;
  /** Runs a callback in the next turn of the event loop. */
  readonly nextTurn: (callback: () => void) => void;
  /** How large the heap may become. */
  readonly heapBytes: number;
}

/** What is the server's doing, not the caller's. */
const SERVER_FAILURES: ReadonlySet<string> = new Set(['INTERNAL_SERVER_ERROR', 'UNAVAILABLE', 'OVERLOADED']);

const nameOf = ({ operation }: Prepared): string => operation.name?.value ?? 'anonymous';

const attributesOf = (prepared: Prepared) => ({
  'graphql.operation.type': prepared.kind,
  'graphql.operation.name': nameOf(prepared),
});

const nothing = (): void => undefined;

/** The variables that the operation declares. What else came along would be kept for as long as a subscription. */
function declaredOf(
  { variableDefinitions = [] }: OperationDefinitionNode,
  given: Readonly<Record<string, unknown>>,
): Readonly<Record<string, unknown>> {
  const isDeclared = (name: string): boolean =>
    variableDefinitions.some(({ variable }) => variable.name.value === name);
  if (Object.keys(given).every(isDeclared)) return given;
  return Object.fromEntries(Object.entries(given).filter(([name]) => isDeclared(name)));
}

/**
 * The one way an operation takes, whatever brought it: `prepare` (parse, limits, rules, variables, cost), then
 * `execute` or `subscribe`. All errors that leave here carry a code of the contract, and none is thrown.
 */
export function createOperations(options: OperationsOptions) {
  const { schema, services, log, clock, ids, metrics, tracing } = options;
  const documents = createDocuments(options);

  const aborts = createAbortWatch();
  const deadline = createDeadlines({ clock, ms: DEADLINE_MS });

  /** The context of one operation, which begins now. */
  const contextFor = ({ viewer, address, tokenIssued = nothing }: Caller): Context =>
    createContext({ viewer, services, log, ids, address, tokenIssued, signal: deadline() });

  const execute = createExecute(schema);
  const share = createTurnShare({ limit: MAX_COST, least: MIN_COUNTED_COST, nextTurn: options.nextTurn });
  const shared = createSharedExecution({ ...options, contextFor, execute, share });

  function check(request: OperationRequest): Prepared | Refusal {
    const checked = documents.get(request.query);
    if ('errors' in checked) return checked;
    const operation = documents.pick(checked, request.operationName ?? null);
    if ('errors' in operation) return operation;
    const variables = declaredOf(operation, request.variables ?? {});
    const definitions = operation.variableDefinitions ?? [];
    const values = getVariableValues(schema, definitions, variables, { maxErrors: MAX_VARIABLE_ERRORS });
    if (values.errors !== undefined) {
      const suggestions = options.apiProfile === 'public';
      return { errors: values.errors.map((error) => withCode(error, 'BAD_USER_INPUT', { suggestions })) };
    }
    const cost = checked.cost(operation.name?.value, variables);
    if (typeof cost !== 'number') return cost;
    return { kind: operation.operation, checked, operation, variables, coerced: values.coerced, cost };
  }

  /** Why this caller may not run the operation now, or null. */
  async function limited(prepared: Prepared, context: Context): Promise<GraphQLError | null> {
    const points = selectRootFields(schema, prepared).size;
    const caller = context.viewer?.id ?? context.address;
    const retryAfterMs = await services.limits.consume('queryPerCaller', caller, Math.max(points, 1));
    return retryAfterMs === null
      ? null
      : codedGraphQLError('RATE_LIMITED', 'Too many operations; wait and try again.', retryAfterMs);
  }

  function masked(result: ExecutionResult, context: Context): ExecutionResult {
    if (result.errors === undefined) return result;
    const errors = result.errors.map((error) => toClientError(error, context));
    // A token that is there was looked at before: here it was none.
    if (errors.some((error) => codeOf(error) === 'UNAUTHENTICATED')) {
      metrics.authFailures.inc({ reason: 'missing' });
    }
    return { ...result, errors };
  }

  /** The result, or `UNAVAILABLE` when it takes longer than its store calls may. */
  function inTime(running: PromiseLike<ExecutionResult>, { signal }: Context): Promise<ExecutionResult> {
    return new Promise((resolve, reject) => {
      const late = (): void => resolve({ errors: [new GraphQLError('', { originalError: unavailable() })] });
      const giveUp = (): void => void clock.after(GRACE_MS, late);
      if (signal.aborted) giveUp();
      else aborts.add(signal, giveUp);
      running.then((result) => {
        aborts.remove(signal, giveUp);
        resolve(result);
      }, reject);
    });
  }

  async function executeLater(
    turn: Promise<void>,
    prepared: Prepared,
    context: Context,
  ): Promise<ExecutionResult> {
    await turn;
    if (context.signal.aborted) throw unavailable(context.signal.reason);
    return execute(prepared, {}, context);
  }

  async function run(prepared: Prepared, context: Context): Promise<ExecutionResult> {
    try {
      // Mutations have limits of their own.
      const refusal = prepared.kind === OperationTypeNode.MUTATION ? null : await limited(prepared, context);
      if (refusal !== null) return { errors: [refusal] };
      const { address, signal } = context;
      const turn = share.takes(address, prepared.cost)
        ? null
        : share.wait(address, () => (signal.aborted ? 0 : prepared.cost));
      const result = turn === null ? execute(prepared, {}, context) : executeLater(turn, prepared, context);
      return masked(isPromise(result) ? await inTime(result, context) : result, context);
    } catch (error) {
      return { errors: [toClientError(error, context)] };
    }
  }

  return {
    schema,
    contextFor,

    /** When the document of a caller may be prepared. */
    turnOf: createDocumentTurns({ ...options, costOf: documents.costOf, share }),

    /** Everything that can be said without running it. Never throws. */
    prepare(request: OperationRequest, transport: Transport): Prepared | Refusal {
      try {
        const prepared = check(request);
        if ('errors' in prepared && prepared.rule !== undefined) {
          metrics.limitRejections.inc({ rule: prepared.rule, transport });
        }
        return prepared;
      } catch (error) {
        return { errors: [toClientError(error, { log, requestId: ids.uuid() })] };
      }
    },

    /** Runs a query or a mutation. Never rejects. Without `data` when it did not run at all. */
    execute(prepared: Prepared, context: Context): Promise<ExecutionResult> {
      return tracing.span(`graphql ${prepared.kind}`, attributesOf(prepared), async (fail) => {
        const startedAt = clock.monotonic();
        const result = await run(prepared, context);
        const codes = result.errors?.map(codeOf);
        if (prepared.kind === OperationTypeNode.MUTATION) {
          const durationMs = Math.round(clock.monotonic() - startedAt);
          log.debug({ operation: nameOf(prepared), durationMs, codes }, 'A mutation ended');
        }
        const failure = codes?.find((code) => SERVER_FAILURES.has(code));
        if (failure !== undefined) fail(failure);
        return result;
      });
    },

    /**
     * Starts a subscription: its results go to `sink` until it is left or the sink is told that it failed.
     * Never rejects.
     */
    async subscribe(prepared: Prepared, context: Context, sink: Sink): Promise<Refusal | Leavable> {
      try {
        const refusal = await limited(prepared, context);
        if (refusal !== null) return { errors: [refusal] };
        return await shared.subscribe(prepared, context, sink);
      } catch (error) {
        return { errors: [toClientError(error, context)] };
      }
    },

    /** Forgets shared results whose events `affected` picks: what they show has changed, a name for instance. */
    forget: (affected: (event: unknown) => boolean) => shared.forget(affected),
  };
}

export type Operations = ReturnType<typeof createOperations>;
