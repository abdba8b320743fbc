/** Why a feed had to ask the store. */
export type GapCause =
  /** A number is missing between what was released and what arrived. */
  | 'missing'
  /** An event does not continue the record before it, or does not say what it continues. */
  | 'previous'
  /** An event is too far ahead to be kept. */
  | 'far'
  /** A subscriber stands ahead of this feed. */
  | 'ahead'
  /** The bus confirmed the subscription only after the feed had started. */
  | 'late'
  /** The tail check found a record that no event had announced. */
  | 'tail'
  /** The store itself lacks a record below its head: never skipped, always reported. */
  | 'hole';

/** What the logs of one instance count. The names of docs/SPEC.md are given beside each. */
export interface LogMetrics {
  /** `chat_writer_batch_size`: records of one insert. */
  writerBatch(records: number): void;
  /** `chat_writer_conflicts_total`: another instance was faster. */
  writerConflict(): void;
  /** `chat_writer_unknown_outcomes_total`. */
  writerUnknownOutcome(): void;
  /** `chat_writer_queue`: appends that wait now, over all logs. */
  writerQueue(waiting: number): void;
  /** `chat_feed_active`: feeds of this instance now. */
  feedActive(feeds: number): void;
  /** `chat_feed_gaps_total{cause}`. */
  feedGap(cause: GapCause): void;
  /** `chat_feed_repairs_total{result}` and `chat_feed_repair_seconds`. */
  feedRepair(result: 'found' | 'nothing' | 'failed', seconds: number): void;
  /** `chat_tail_check_found_total`: logs with a record that no event had announced. */
  tailCheckFound(logs: number): void;
  /** `chat_resume_total{result}` and, unless a cursor was refused, `chat_resume_messages`: how many were missed. */
  resumed(result: 'exact' | 'skipped', missed: number): void;
  resumeRefused(result: 'expired' | 'bad_cursor'): void;
}
