import { MS_PER_SECOND, type Clock } from '../lib/clock.js';
import { CodedError } from '../lib/coded-error.js';
import type { Followed } from '../lib/followed.js';
import type { Ids } from '../lib/ids.js';
import { type Problem, refuse, type Result, succeed } from '../lib/problem.js';
import { normalizeText, textProblems } from '../lib/text.js';
import type { Metrics } from '../lib/metrics.js';
import type { RateLimits } from '../limits/rate-limits.js';
import type { Log, LogDelivery, LogPage, LogRange } from '../log/log.js';
import type { LogPosition } from '../log/log-store.js';
import { NO_SUCH_ROOM, type RoomService } from '../rooms/room-service.js';
import type { Viewer } from '../visitors/visitor.js';
import type { VisitorService } from '../visitors/visitor-service.js';
import { cursorOf, idempotencyKeyProblems, type Message, sameInput, storedKey } from './message.js';

export interface SendInput {
  /** Null for an identifier that is none of a room. */
  readonly roomId: string | null;
  readonly text: string;
  readonly idempotencyKey: string | null;
}

export interface SentMessage {
  readonly message: Message;
  readonly cursor: string;
  /** Whether an earlier call with the same key had stored it. */
  readonly duplicate: boolean;
}

/** What a send is counted as. */
function outcomeOf(result: Result<SentMessage>): string {
  if (result.ok) return result.value.duplicate ? 'duplicate' : 'stored';
  const { code } = result.problems[0];
  if (code === 'IDEMPOTENCY_CONFLICT') return 'conflict';
  return code === 'RATE_LIMITED' ? 'rate_limited' : 'invalid';
}

export type MessageService = ReturnType<typeof createMessageService>;

/** The chat: send, read, follow. Every promise about order and loss is the log's (docs/SPEC.md, LOG-*). */
export function createMessageService({
  log,
  rooms,
  visitors,
  limits,
  metrics,
  clock,
  ids,
  maxMessageLength,
}: {
  log: Log<Message>;
  rooms: Pick<RoomService, 'byId'>;
  visitors: Pick<VisitorService, 'ensure'>;
  limits: RateLimits;
  metrics: Pick<Metrics, 'sends' | 'sendAckSeconds'>;
  clock: Clock;
  ids: Ids;
  maxMessageLength: number;
}) {
  const rules = { kind: 'text', subject: 'The text', field: 'text', maxLength: maxMessageLength } as const;
  const conflict: Problem = {
    code: 'IDEMPOTENCY_CONFLICT',
    message: 'This idempotency key was used before in this room with other input.',
    field: 'idempotencyKey',
  };

  const sent = (message: Message, duplicate: boolean): Result<SentMessage> =>
    succeed({ message, cursor: cursorOf(message), duplicate });

  /** How long the viewer must wait before it may send to the room, in milliseconds; null: it may. */
  const limited = (viewer: Viewer, roomId: string, address: string): Promise<number | null> =>
    // A sender that is refused must not use up what the others in its room may send.
    limits.consumeAll([
      { limit: 'sendPerVisitor', key: viewer.id },
      { limit: 'sendPerAddress', key: address },
      { limit: 'sendPerRoom', key: roomId },
    ]);

  async function attempt(
    viewer: Viewer,
    { roomId, text: given, idempotencyKey }: SendInput,
    { address, signal }: { address: string; signal: AbortSignal },
  ): Promise<Result<SentMessage>> {
    const text = normalizeText(given);
    const [problem, ...others] = [...textProblems(text, rules), ...idempotencyKeyProblems(idempotencyKey)];
    if (problem !== undefined) return refuse(problem, ...others);
    if (roomId === null || (await rooms.byId(roomId, signal)) === null) {
      return refuse(NO_SUCH_ROOM);
    }
    const call = ids.random64();
    const key = storedKey(idempotencyKey, clock.now(), call);
    const retryAfterMs = await limited(viewer, roomId, address);
    if (retryAfterMs !== null) {
      // What is stored is returned even to a limited sender: its retry must find out that it succeeded.
      const stored = idempotencyKey === null ? null : await log.byKey(roomId, viewer.id, key, signal);
      if (stored !== null) return sameInput(stored, { text }) ? sent(stored, true) : refuse(conflict);
      return refuse({ code: 'RATE_LIMITED', message: 'Too many messages. Wait a little.', retryAfterMs });
    }
    await visitors.ensure(viewer, signal);
    const entry = { logId: roomId, authorId: viewer.id, key, call, text, createdAt: new Date(clock.now()) };
    const appended = await log.append(roomId, entry, signal);
    return appended.outcome === 'stored' ? sent(appended.record, appended.duplicate) : refuse(conflict);
  }

  return {
    /**
     * Stores one message and answers when it is durable. With a key it may be repeated for ever, on any
     * instance: it is stored once, and every call gives the stored one.
     *
     * @throws CodedError `UNAVAILABLE` (outcome unknown) or `OVERLOADED`.
     */
    async send(
      viewer: Viewer,
      input: SendInput,
      operation: { address: string; signal: AbortSignal },
    ): Promise<Result<SentMessage>> {
      const started = clock.monotonic();
      try {
        const result = await attempt(viewer, input, operation);
        metrics.sends.inc({ result: outcomeOf(result) });
        if (result.ok) metrics.sendAckSeconds.observe((clock.monotonic() - started) / MS_PER_SECOND);
        return result;
      } catch (error) {
        const code = error instanceof CodedError ? error.code : null;
        const failed = code === 'UNAVAILABLE' || code === 'OVERLOADED' ? code.toLowerCase() : 'failed';
        metrics.sends.inc({ result: failed });
        throw error;
      }
    },

    /** @throws CodedError `BAD_CURSOR`, `CURSOR_EXPIRED`, `UNAVAILABLE`. */
    history: (roomId: string, range: LogRange, signal: AbortSignal): Promise<LogPage<Message>> =>
      log.page(roomId, range, signal),

    /** Messages at positions; those that do not exist are left out. */
    at: (positions: readonly LogPosition[], signal: AbortSignal): Promise<readonly Message[]> =>
      log.get(positions, signal),

    /** The newest message of a room, or null. */
    newest: (roomId: string, signal: AbortSignal): Promise<Message | null> => log.newest(roomId, signal),

    /** A source of the room's messages, each exactly once and in order; to be closed. */
    follow: (roomId: string): Followed<number, LogDelivery<Message>> => log.follow(roomId),

    /** @throws CodedError `ROOM_NOT_FOUND`. */
    async authorizeFollow(roomId: string | null, signal: AbortSignal): Promise<void> {
      if (roomId === null || (await rooms.byId(roomId, signal)) === null) {
        throw new CodedError(NO_SUCH_ROOM.code, NO_SUCH_ROOM.message);
      }
    },
  };
}
