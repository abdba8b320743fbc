import type { AuthKey, Config } from './config.js';
import type { Services } from './context.js';
import { MS_PER_SECOND, type Clock } from './lib/clock.js';
import type { Disposer } from './lib/disposer.js';
import type { Chance, Ids } from './lib/ids.js';
import type { Logger } from './lib/logger.js';
import type { Metrics } from './lib/metrics.js';
import type { Tracing } from './lib/tracing.js';
import type { RateLimits } from './limits/rate-limits.js';
import { createLog } from './log/create-log.js';
import { LOG_LIMITS } from './log/log-limits.js';
import { createLogMetrics } from './log/log-metrics.prometheus.js';
import { createMessageBus } from './messages/message-bus.js';
import { createMessageService } from './messages/message-service.js';
import type { MessageStore } from './messages/message-store.js';
import { createMessageTraces } from './messages/message-traces.js';
import { approximateBytes, type Message, sameInput } from './messages/message.js';
import { createPresenceService } from './presence/presence-service.js';
import type { PresenceStore } from './presence/presence-store.js';
import type { VisitJournal } from './presence/visit-journal.js';
import type { PubSub } from './pubsub/pubsub.js';
import { createRankingService } from './ranking/ranking-service.js';
import { createRoomService } from './rooms/room-service.js';
import type { RoomStore } from './rooms/room-store.js';
import { createVisitorService } from './visitors/visitor-service.js';
import type { VisitorStore } from './visitors/visitor-store.js';
import { createVisitorTokens } from './visitors/visitor-token.js';

/** The ports that the domains stand on. */
export interface Ports {
  readonly messages: MessageStore;
  readonly rooms: RoomStore;
  readonly visitors: VisitorStore;
  readonly journal: VisitJournal;
  readonly presence: PresenceStore;
  readonly pubsub: PubSub;
  readonly limits: RateLimits;
}

/** When the writers of messages are stopped they have this long to finish. */
const WRITERS_STOP_MS = 5000;

/** Makes the domains, each from its port and the domains below it. What they hold is closed by `opened`. */
export function createServices(
  parts: Ports & {
    readonly config: Config;
    readonly keys: () => readonly AuthKey[];
    /** Whether a host says who is who. */
    readonly hostIdentifies: boolean;
    readonly clock: Clock;
    readonly ids: Ids;
    readonly chance: Chance;
    readonly log: Logger;
    readonly metrics: Metrics;
    readonly tracing: Tracing;
    readonly opened: Disposer;
  },
): Services {
  const { config, keys, clock, ids, chance, log, metrics, tracing, opened, pubsub, limits } = parts;
  const { maxDisplayNameLength, maxRoomNameLength, maxMessageLength } = config;
  const lifetimeSeconds = config.auth.tokenLifetimeSeconds;
  const tokens = createVisitorTokens({ keys, clock, lifetimeSeconds });
  const visitors = createVisitorService({
    store: parts.visitors,
    tokens,
    pubsub,
    limits,
    clock,
    ids,
    maxDisplayNameLength,
    hostIdentifies: parts.hostIdentifies,
  });
  opened.add('visitors', () => visitors.stop());

  const shared = { store: parts.presence, rooms: parts.rooms, clock, chance, log };
  const ranking = createRankingService({ ...shared, pubsub, intervalMs: config.rankingIntervalMs });
  opened.add('ranking', () => ranking.stop());
  const windowMs = config.recentVisitWindowSeconds * MS_PER_SECOND;
  const presence = createPresenceService({
    ...shared,
    messages: parts.messages,
    journal: parts.journal,
    ids,
    windowMs,
    lastKnown: (roomId) => ranking.lastKnown(roomId),
    listed: () => ranking.listed(),
    metrics,
  });
  opened.add('presence', () => presence.stop());

  const rooms = createRoomService({
    store: parts.rooms,
    visitors,
    presence,
    limits,
    clock,
    ids,
    maxRoomNameLength,
  });
  const traces = createMessageTraces({ tracing });
  const roomLog = createLog<Message>({
    store: traces.traced(parts.messages),
    bus: createMessageBus({ pubsub, tracing, traces }),
    clock,
    chance,
    defer: setImmediate,
    log,
    limits: {
      ...LOG_LIMITS,
      maxReplayed: config.maxReplayedMessages,
      // Nobody else writes to an embedded store.
      ...(config.mongodbUrl === null ? { maxTurnMs: 0 } : {}),
    },
    metrics: createLogMetrics(metrics),
    numbered: (entry, number) => traces.numbered(entry, number),
    sameInput,
    sizeOf: approximateBytes,
    onReleased: ({ logId, number, createdAt }, own) => presence.activity(logId, number, createdAt, own),
  });
  opened.add('logs', () => roomLog.stop(WRITERS_STOP_MS));
  const messages = createMessageService({
    log: traces.noted(roomLog),
    rooms,
    visitors,
    limits,
    metrics,
    clock,
    ids,
    maxMessageLength,
  });
  return { messages, rooms, visitors, presence, ranking, limits, settings: config };
}
