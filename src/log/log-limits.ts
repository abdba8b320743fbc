/** Every figure of the logs. Times in milliseconds, sizes in bytes, the rest in records. */
export interface LogLimits {
  /** A subscriber that is further behind jumps to the last that many. */
  readonly maxReplayed: number;
  /** Appends that wait, for one log and for all logs of this instance. */
  readonly maxQueuedPerLog: number;
  readonly maxQueuedPerInstance: number;
  /** What a refused append is told to wait. */
  readonly overloadedRetryAfterMs: number;
  readonly maxBatchRecords: number;
  readonly maxBatchBytes: number;
  /** How long a head counts as known without being confirmed. Retention keeps records far longer than this. */
  readonly headLifetimeMs: number;
  /** The longest that one call of the store is waited for. */
  readonly storeCallMs: number;
  /** The longest pause after somebody else took a number. */
  readonly maxConflictPauseMs: number;
  /** How long the bus is then waited for, to say who; the store is asked otherwise. */
  readonly conflictNewsMs: number;
  /** The longest that a writer waits for each of the others whose turn comes before its own. */
  readonly maxTurnMs: number;
  /** The longest pause after an outcome that is not known. */
  readonly maxFailurePauseMs: number;
  /** How long a starting feed waits for its subscription on the bus. */
  readonly subscribeWaitMs: number;
  /** How far ahead of the feed an event may be to be kept, and how many are kept before the feed knows where it is. */
  readonly maxAhead: number;
  /** A hole is given this long to fill by itself (mostly reordering) before the store is asked. */
  readonly repairDelayMs: number;
  readonly repairDelayJitterMs: number;
  readonly repairPageRecords: number;
  /** Pause between repairs that fail; it doubles up to the second figure. */
  readonly repairRetryMs: number;
  readonly maxRepairRetryMs: number;
  readonly tailCheckMs: number;
  readonly tailCheckJitterMs: number;
  readonly pollingTailCheckMs: number;
  readonly tailCheckLogs: number;
  /** How often the tail check also asks where the logs begin. */
  readonly firstsCheckMs: number;
  readonly maxRingRecords: number;
  readonly maxRingBytes: number;
  /** A feed ends this long after its last subscriber. */
  readonly feedIdleMs: number;
  /** A head read younger than this is waited for before the next one of the same log starts. */
  readonly headReadShareMs: number;
}

/** The figures of docs/SPEC.md; `maxReplayed` comes from the configuration. */
export const LOG_LIMITS: Omit<LogLimits, 'maxReplayed'> = {
  maxQueuedPerLog: 1000,
  maxQueuedPerInstance: 20_000,
  overloadedRetryAfterMs: 1000,
  maxBatchRecords: 256,
  maxBatchBytes: 256_000,
  headLifetimeMs: 60_000,
  storeCallMs: 5000,
  maxConflictPauseMs: 4,
  conflictNewsMs: 5,
  maxTurnMs: 100,
  maxFailurePauseMs: 200,
  subscribeWaitMs: 300,
  maxAhead: 1024,
  repairDelayMs: 10,
  repairDelayJitterMs: 15,
  repairPageRecords: 200,
  repairRetryMs: 100,
  maxRepairRetryMs: 2000,
  tailCheckMs: 2000,
  tailCheckJitterMs: 3000,
  pollingTailCheckMs: 500,
  tailCheckLogs: 200,
  firstsCheckMs: 30_000,
  maxRingRecords: 512,
  maxRingBytes: 1_048_576,
  feedIdleMs: 30_000,
  headReadShareMs: 250,
};
