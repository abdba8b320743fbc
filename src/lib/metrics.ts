import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client';

/** Bounds in seconds: from one network round trip to the deadline of a request. */
const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
/** Bounds of how many records a batch or a resumption holds. */
const RECORDS = [1, 2, 5, 10, 25, 50, 100, 256, 1000];

/** The values that a label may take, all there from the start at 0. */
type Values<Label extends string> = Readonly<Record<Label, readonly string[]>>;

const combinations = (values: Values<string>): Record<string, string>[] =>
  Object.entries(values).reduce<Record<string, string>[]>(
    (sets, [label, options]) => sets.flatMap((set) => options.map((option) => ({ ...set, [label]: option }))),
    [{}],
  );

function makers(registry: Registry) {
  const registers = [registry];
  const counter = <Label extends string = never>(name: string, help: string, values?: Values<Label>) => {
    const made = new Counter<string>({ name, help, labelNames: Object.keys(values ?? {}), registers });
    for (const labels of combinations(values ?? {})) made.inc(labels, 0);
    return made as Counter<Label>;
  };
  const gauge = <Label extends string = never>(name: string, help: string, values?: Values<Label>) => {
    const made = new Gauge<string>({ name, help, labelNames: Object.keys(values ?? {}), registers });
    for (const labels of combinations(values ?? {})) made.set(labels, 0);
    return made as Gauge<Label>;
  };
  const histogram = <Label extends string = never>(
    name: string,
    help: string,
    buckets: readonly number[],
    values?: Values<Label>,
  ) => {
    const labelNames = Object.keys(values ?? {});
    const made = new Histogram<string>({ name, help, buckets: [...buckets], labelNames, registers });
    if (labelNames.length > 0) for (const labels of combinations(values ?? {})) made.zero(labels);
    return made as Histogram<Label>;
  };
  return { counter, gauge, histogram };
}

export const CLOSE_CODES = [
  '1000',
  '1001',
  '1002',
  '1005',
  '1006',
  '1007',
  '1008',
  '1009',
  '1012',
  '1013',
  '4400',
  '4401',
  '4403',
  '4408',
  '4409',
  '4429',
  '4500',
  'other',
];
const FRAME_TYPES = ['connection_init', 'subscribe', 'complete', 'ping', 'pong', 'invalid'];
const CONNECT_RESULTS = [
  'accepted',
  'path',
  'protocol',
  'origin',
  'address',
  'capacity',
  'rate',
  'overload',
  'drain',
];
const SEND_RESULTS = [
  'stored',
  'duplicate',
  'conflict',
  'invalid',
  'rate_limited',
  'overloaded',
  'unavailable',
  'failed',
];
/** Commands of MongoDB that are told apart; all others are `other`. */
export const MONGO_COMMANDS = ['find', 'insert', 'update', 'aggregate', 'getMore', 'ping', 'other'];
const DOCUMENT_RULES = ['depth', 'aliases', 'tokens', 'directives', 'cost', 'size', 'operations'];

/** What is about the process, made once: prom-client has no end for what it measures with. */
let ofProcess: Registry | undefined;

function registerProcess(registry: Registry): void {
  if (ofProcess === undefined) collectDefaultMetrics({ register: (ofProcess = new Registry()) });
  for (const { name } of ofProcess.getMetricsAsArray()) {
    const metric = ofProcess.getSingleMetric(name);
    if (metric !== undefined) registry.registerMetric(metric);
  }
}

/**
 * Everything that is measured, under names that dashboards rely on. Identifiers, addresses and tokens are never
 * labels. Each call makes its own registry, so that two servers in one process do not mix.
 *
 * @param version - this program's version, told by `chat_build_info`.
 */
export function createMetrics({ version }: { version: string }) {
  const registry = new Registry();
  const { counter, gauge, histogram } = makers(registry);
  registerProcess(registry);
  gauge('chat_build_info', 'Always 1; the version is a label.', { version: [version] }).set({ version }, 1);
  return {
    registry,
    wsConnections: gauge('chat_ws_connections', 'Open sockets.'),
    wsConnects: counter('chat_ws_connects_total', 'Upgrades by what became of them.', {
      result: CONNECT_RESULTS,
    }),
    wsCloses: counter('chat_ws_closes_total', 'Ended sockets by close code.', { code: CLOSE_CODES }),
    wsOperationsActive: gauge('chat_ws_operations_active', 'Operations open on sockets.'),
    wsFramesIn: counter('chat_ws_frames_in_total', 'Frames received by message type.', { type: FRAME_TYPES }),
    wsOutboundBytes: counter('chat_ws_outbound_bytes_total', 'Bytes of frames handed to sockets.'),
    sends: counter('chat_send_total', 'Calls of sendMessage by result.', { result: SEND_RESULTS }),
    sendAckSeconds: histogram('chat_send_ack_seconds', 'From a send to its acknowledgement.', SECONDS),
    writerBatchSize: histogram('chat_writer_batch_size', 'Records per insert.', RECORDS),
    writerConflicts: counter('chat_writer_conflicts_total', 'Inserts that met a taken number.'),
    writerUnknownOutcomes: counter(
      'chat_writer_unknown_outcomes_total',
      'Inserts whose outcome stayed unknown.',
    ),
    writerQueue: gauge('chat_writer_queue', 'Sends that wait for their insert.'),
    deliveryLagSeconds: histogram('chat_delivery_lag_seconds', 'From creation to the socket.', SECONDS),
    feedActive: gauge('chat_feed_active', 'Logs followed by this instance.'),
    feedGaps: counter('chat_feed_gaps_total', 'Holes noticed in what the bus delivered.', {
      cause: ['missing', 'previous', 'far', 'ahead', 'late', 'tail', 'hole'],
    }),
    feedRepairs: counter('chat_feed_repairs_total', 'Reads from the store that close holes.', {
      result: ['found', 'nothing', 'failed'],
    }),
    feedRepairSeconds: histogram('chat_feed_repair_seconds', 'Duration of a repair.', SECONDS),
    tailCheckFound: counter(
      'chat_tail_check_found_total',
      'Messages that only the tail check found: publishes are being lost.',
    ),
    busMode: gauge('chat_bus_mode', '1 for the mode the bus is in.', { mode: ['push', 'polling'] }),
    busProbeSeconds: histogram('chat_bus_probe_seconds', 'Round trip of a token over the bus.', SECONDS),
    busProbeFailures: counter(
      'chat_bus_probe_failures_total',
      'Tokens and publishes that were not answered.',
    ),
    busEventsDropped: counter('chat_bus_events_dropped_total', 'Events that were not made by this program.', {
      topic: ['message', 'roomRanking', 'visitorRenamed'],
    }),
    resumes: counter('chat_resume_total', 'Subscriptions that began with a cursor.', {
      result: ['exact', 'skipped', 'expired', 'bad_cursor'],
    }),
    resumeMessages: histogram('chat_resume_messages', 'Messages replayed to a subscription.', RECORDS),
    presenceTouchSeconds: histogram(
      'chat_presence_touch_seconds',
      'Duration of a heartbeat of visits.',
      SECONDS,
    ),
    presenceEpochChanges: counter(
      'chat_presence_epoch_changes_total',
      'Times that visits had to be counted anew.',
    ),
    rateLimitRejected: counter('chat_ratelimit_rejected_total', 'Refusals by limit.', {
      limit: [
        'sendPerVisitor',
        'sendPerAddress',
        'sendPerRoom',
        'createRoomPerVisitor',
        'createVisitorPerAddress',
        'queryPerCaller',
        'refusedPerCaller',
        'connectPerAddress',
        'upgradePerInstance',
        'framePerSocket',
      ],
    }),
    authFailures: counter('chat_auth_failures_total', 'Refused tokens by reason.', {
      reason: ['missing', 'malformed', 'expired', 'invalid'],
    }),
    limitRejections: counter('chat_limit_rejections_total', 'Refused documents by rule.', {
      rule: DOCUMENT_RULES,
      transport: ['http', 'sse', 'ws'],
    }),
    overloadState: gauge('chat_overload_state', '1 while new work is refused.'),
    mongoCommandSeconds: histogram(
      'chat_mongo_command_seconds',
      'Duration of commands of MongoDB.',
      SECONDS,
      { command: MONGO_COMMANDS, result: ['ok', 'failed'] },
    ),
    mongoConnections: gauge('chat_mongo_connections', 'Open connections to MongoDB.'),
    mongoConnectionsInUse: gauge('chat_mongo_connections_in_use', 'Connections to MongoDB with a command.'),
    redisUp: gauge('chat_redis_up', '1 while Redis answers; 0 without Redis.'),
  };
}

/** Handles of everything that is measured. */
export type Metrics = ReturnType<typeof createMetrics>;
