import type { Clock } from '../lib/clock.js';
import type { Sqlite } from '../sqlite/sqlite.js';
import type { VisitJournal } from './visit-journal.js';

const RECORD = `
  INSERT INTO visits (room_id, visitor_id, at) VALUES (?, ?, ?)
  ON CONFLICT DO UPDATE SET at = excluded.at WHERE excluded.at > at`;
const FORGET = `
  DELETE FROM visits WHERE (room_id, visitor_id) IN
    (SELECT room_id, visitor_id FROM visits WHERE at < ? ORDER BY at LIMIT ?)`;
const SET_BACK = 'UPDATE visits SET at = ? WHERE at > ?';
const MOVE_BACK = 'UPDATE visits SET at = at - ?';
const RECENT = `
  SELECT room_id, visitor_id, at FROM visits WHERE (room_id, visitor_id) > (?, ?) AND at > ?
  ORDER BY room_id, visitor_id LIMIT ?`;

const BATCH_VISITS = 1000;
/** Forgotten at each record at most, so that no commit is long. */
const FORGET_VISITS = 2000;
/** A clock that is slowed down is not one that was set back, in milliseconds. */
const MIN_SET_BACK_MS = 1000;

/**
 * The journal of visits in the embedded database, by this machine's clock.
 *
 * @param deps.keepMs - visits older than this are forgotten, some at each record.
 */
export function createSqliteVisitJournal(deps: {
  sqlite: Pick<Sqlite, 'read' | 'write'>;
  clock: Pick<Clock, 'now' | 'monotonic'>;
  keepMs: number;
}): VisitJournal {
  const { sqlite, clock, keepMs } = deps;
  /** By how much the machine's clock was last seen ahead of the monotonic one. */
  let ahead = clock.now() - clock.monotonic();

  /**
   * Moves all visits with a clock that is set back, or each would count anew. Not with one that is set ahead: its machine
   * may have slept.
   */
  async function followClock(signal: AbortSignal): Promise<void> {
    const before = ahead;
    ahead = clock.now() - clock.monotonic();
    const backMs = Math.round(before - ahead);
    if (backMs >= MIN_SET_BACK_MS) await sqlite.write({ sql: MOVE_BACK, rows: [[backMs]] }, signal);
  }

  return {
    async record(visits, signal) {
      if (visits.length === 0) return;
      const now = clock.now();
      const rows = visits.map(({ roomId, visitorId, ageMs }) => [roomId, visitorId, Math.floor(now - ageMs)]);
      await followClock(signal);
      await Promise.all([
        sqlite.write({ sql: RECORD, rows }, signal),
        sqlite.write({ sql: FORGET, rows: [[now - keepMs, FORGET_VISITS]] }, signal),
      ]);
    },

    async *recent(maxAgeMs, signal) {
      const now = clock.now();
      const since = now - maxAgeMs;
      await followClock(signal);
      // The clock was set back between two processes. A visit of the future would be the youngest of all until the clock
      // is there again.
      await sqlite.write({ sql: SET_BACK, rows: [[now, now]] }, signal);
      let [room, visitor] = ['', ''];
      for (;;) {
        const rows = sqlite.read(RECENT, [room, visitor, since, BATCH_VISITS], signal);
        const visits = rows.map((row) => ({
          roomId: String(row['room_id']),
          visitorId: String(row['visitor_id']),
          ageMs: Math.max(0, now - Number(row['at'])),
        }));
        if (visits.length > 0) yield visits;
        const last = visits.at(-1);
        if (last === undefined || visits.length < BATCH_VISITS) return;
        [room, visitor] = [last.roomId, last.visitorId];
      }
    },
  };
}
