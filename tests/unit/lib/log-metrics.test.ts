import { describe, expect, it } from 'vitest';
import { createMetrics } from '../../../src/lib/metrics.js';
import { createLogMetrics } from '../../../src/log/log-metrics.prometheus.js';

describe('createLogMetrics', () => {
  it('counts under the published names, with no label that was not there at the start', async () => {
    const metrics = createMetrics({ version: 'test' });
    const series = async () => (await metrics.registry.metrics()).match(/^chat_[^ ]+(?= )/gm)?.toSorted();
    const before = await series();
    const log = createLogMetrics(metrics);
    log.writerBatch(3);
    log.writerConflict();
    log.writerUnknownOutcome();
    log.writerQueue(4);
    log.feedActive(5);
    for (const cause of ['missing', 'previous', 'far', 'ahead', 'late', 'tail', 'hole'] as const)
      log.feedGap(cause);
    for (const result of ['found', 'nothing', 'failed'] as const) log.feedRepair(result, 0.01);
    log.tailCheckFound(2);
    log.resumed('exact', 0);
    log.resumed('skipped', 2000);
    log.resumeRefused('expired');
    log.resumeRefused('bad_cursor');
    expect(await series()).toEqual(before);
    const text = await metrics.registry.metrics();
    for (const sample of [
      'chat_writer_batch_size_sum 3',
      'chat_writer_conflicts_total 1',
      'chat_writer_unknown_outcomes_total 1',
      'chat_writer_queue 4',
      'chat_feed_active 5',
      'chat_feed_gaps_total{cause="hole"} 1',
      'chat_feed_repairs_total{result="found"} 1',
      'chat_feed_repair_seconds_count 3',
      'chat_tail_check_found_total 2',
      'chat_resume_total{result="skipped"} 1',
      'chat_resume_total{result="bad_cursor"} 1',
      'chat_resume_messages_sum 2000',
    ]) {
      expect(text.split('\n')).toContain(sample);
    }
  });
});
