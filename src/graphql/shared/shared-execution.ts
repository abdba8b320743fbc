import { getArgumentValues, type ExecutionResult, type GraphQLSchema } from 'graphql';
import type { Context, Services } from '../../context.js';
import { MS_PER_SECOND, type Clock } from '../../lib/clock.js';
import { isPromise } from '../../lib/is-promise.js';
import type { Ids } from '../../lib/ids.js';
import type { Logger } from '../../lib/logger.js';
import type { Metrics } from '../../lib/metrics.js';
import type { TurnShare } from '../../lib/turn-share.js';
import { UNKNOWN_ADDRESS } from '../../lib/address.js';
import type { CheckedDocument } from '../document.js';
import { codedGraphQLError, toClientError, type Refusal } from '../errors.js';
import type { Execute } from '../execute.js';
import type { Caller, Prepared } from '../prepared.js';
import { selectRootFields } from '../root-fields.js';
import type { SubscriptionField } from '../subscription-field.js';
import { createGroups, type Place } from './groups.js';
import { groupKey, sharingOf, type Sharing } from './key.js';
import type { Leavable, Member } from './member.js';
import type { Sink } from './sink.js';

/** A field of `Subscription`, whatever its arguments. */
export type AnySubscriptionField = SubscriptionField<Record<string, unknown>>;

/** Others may have gone by then. */
const RETRY_AFTER_MS = 5000;
const TOO_DIFFERENT = codedGraphQLError(
  'OVERLOADED',
  'Too many different subscriptions are open. Say what differs with variables, in one document.',
  RETRY_AFTER_MS,
);

/** A shared execution has no viewer and draws on nobody's limits. */
const NOBODY: Caller = { viewer: null, address: UNKNOWN_ADDRESS };

/**
 * Subscriptions: each subscriber is authorised and counted by itself, then joins the group of all that receive
 * the same results (see `group.ts`).
 */
export function createSharedExecution(options: {
  readonly schema: GraphQLSchema;
  readonly subscriptionFields: Readonly<Record<string, AnySubscriptionField>>;
  readonly services: Services;
  readonly log: Logger;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly metrics: Metrics;
  readonly nextTurn: (callback: () => void) => void;
  readonly heapBytes: number;
  readonly contextFor: (caller: Caller) => Context;
  readonly execute: Execute;
  readonly share: TurnShare;
}) {
  const { schema, execute, share, services, contextFor, clock, log, ids, metrics } = options;
  const groups = createGroups(options);
  const sharings = new WeakMap<CheckedDocument, Map<string, Sharing>>();

  function sharing(checked: CheckedDocument, fieldName: string, field: AnySubscriptionField): Sharing {
    const known = sharings.get(checked) ?? new Map<string, Sharing>();
    sharings.set(checked, known);
    const made = known.get(fieldName) ?? sharingOf(schema, checked.document, fieldName, field.startArguments);
    known.set(fieldName, made);
    return made;
  }

  /** The one field of a subscription with its arguments, or why there is none. */
  function resolveField(prepared: Prepared) {
    const [nodes] = selectRootFields(schema, prepared).values();
    const node = nodes?.[0];
    const name = node?.name.value ?? '';
    const definition = schema.getSubscriptionType()?.getFields()[name];
    const field = options.subscriptionFields[name];
    if (node === undefined || definition === undefined || field === undefined) return null;
    return { name, field, args: getArgumentValues(definition, node, { ...prepared.coerced }) };
  }

  /** Executes the document for one event, in a context made for it alone. Never throws or rejects. */
  function executor(prepared: Prepared, fieldName: string, caller: Caller) {
    return (event: unknown): ExecutionResult | Promise<ExecutionResult> => {
      const context = contextFor(caller);
      const masked = (result: ExecutionResult): ExecutionResult =>
        result.errors === undefined
          ? result
          : { ...result, errors: result.errors.map((error) => toClientError(error, context)) };
      try {
        const result = execute(prepared, { [fieldName]: event }, context);
        const failed = (error: unknown) => ({ errors: [toClientError(error, context)] });
        return isPromise(result) ? result.then(masked, failed) : masked(result);
      } catch (error) {
        return { errors: [toClientError(error, context)] };
      }
    };
  }

  function measure(field: AnySubscriptionField, event: unknown): void {
    const at = field.happenedAt?.(event) ?? null;
    if (at !== null)
      metrics.deliveryLagSeconds.observe(Math.max(clock.now() - at.getTime(), 0) / MS_PER_SECOND);
  }

  /** A subscription in force: knows nothing of its operation, which would be kept for as long as it is. */
  class Joined implements Leavable {
    readonly #place: Place;
    readonly #onLeave: () => void;
    #member: Member<string | number> | null;

    constructor(place: Place, sink: Sink, position: string | number, onLeave: () => void) {
      this.#place = place;
      this.#onLeave = onLeave;
      this.#member = place.group.join(sink, position, this);
    }

    leave(): void {
      if (this.#member === null) return;
      this.#place.group.leave(this.#member);
      this.#member = null;
      this.#onLeave();
      groups.leave(this.#place);
    }
  }

  return {
    /** See `Operations.forget`. */
    forget: (affected: (event: unknown) => boolean) => groups.forget(affected),

    /** Joins; see `Operations.subscribe`. Throws what `authorize` and `begin` throw. */
    async subscribe(prepared: Prepared, context: Context, sink: Sink): Promise<Refusal | Leavable> {
      const resolved = resolveField(prepared);
      if (resolved === null) {
        const message = 'A subscription must select one of its fields.';
        return { errors: [codedGraphQLError('GRAPHQL_VALIDATION_FAILED', message)] };
      }
      const { name, field, args } = resolved;
      await field.authorize(args, context);

      const how = sharing(prepared.checked, name, field);
      const operationName = prepared.operation.name?.value;
      const { checked } = prepared;
      const common = groupKey(checked.text, operationName, prepared.variables, how);
      const key = how.shareable ? common : `${ids.uuid()} ${common}`;
      const place = groups.enter(key, checked, context.address, (payers) => ({
        source: field.follow(args, services),
        execute: executor(prepared, name, how.shareable ? NOBODY : context),
        onFirstSent: (event) => measure(field, event),
        nextShare: () =>
          share.takes(payers.first, prepared.cost, payers.latest)
            ? null
            : share.wait(payers.first, () => prepared.cost),
        toClientError: (error) => toClientError(error, { log, requestId: ids.uuid() }),
      }));
      if (place === null) return { errors: [TOO_DIFFERENT] };
      try {
        const position = await place.group.begin(field.after(args), context.signal);
        return new Joined(place, sink, position, field.onJoin(args, context));
      } catch (error) {
        groups.leave(place);
        throw error;
      }
    },
  };
}
