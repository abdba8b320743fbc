import { appendFileSync } from 'node:fs';
import { afterAll, afterEach } from 'vitest';

const ID_WIDTH = 4;
const TRIED_WIDTH = 64;

/** How many of what were tried, and what came of it. */
export interface Row {
  readonly tried: number;
  readonly of: string;
  readonly result: string;
}

/**
 * Adds one row to the table that is printed when all have run, once the tests of this file have. None when
 * nothing was tried, because other tests were chosen.
 */
export function report(id: string, row: () => Row): void {
  let failures = 0;
  afterEach(({ task }) => {
    // A file may hold several scenarios; the group of a test begins with the id of its own.
    if (task.result?.state === 'fail' && task.suite?.name.split(' ')[0] === id) failures += 1;
  });
  afterAll(() => {
    const { tried, of, result } = row();
    if (tried === 0 && failures === 0) return;
    const cells = [id.padEnd(ID_WIDTH), `${tried} ${of}`.padEnd(TRIED_WIDTH)];
    const line = [...cells, failures > 0 ? 'FAILED' : result].join('  ');
    const file = process.env['MADANG_SECURITY_FILE'];
    if (file === undefined) console.log(line);
    else appendFileSync(file, `${line}\n`);
  });
}

/** The value below which this share of all lies. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
}
