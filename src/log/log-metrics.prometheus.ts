import type { Metrics } from '../lib/metrics.js';
import type { LogMetrics } from './log-metrics.js';

/** Counts the logs of one instance in its registry. */
export const createLogMetrics = (metrics: Metrics): LogMetrics => ({
  writerBatch: (records) => metrics.writerBatchSize.observe(records),
  writerConflict: () => metrics.writerConflicts.inc(),
  writerUnknownOutcome: () => metrics.writerUnknownOutcomes.inc(),
  writerQueue: (waiting) => metrics.writerQueue.set(waiting),
  feedActive: (feeds) => metrics.feedActive.set(feeds),
  feedGap: (cause) => metrics.feedGaps.inc({ cause }),
  feedRepair(result, seconds) {
    metrics.feedRepairs.inc({ result });
    metrics.feedRepairSeconds.observe(seconds);
  },
  tailCheckFound: (logs) => metrics.tailCheckFound.inc(logs),
  resumed(result, missed) {
    metrics.resumes.inc({ result });
    metrics.resumeMessages.observe(missed);
  },
  resumeRefused: (result) => metrics.resumes.inc({ result }),
});
