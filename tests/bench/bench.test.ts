import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildCentrifuge } from '../../bench/lib/centrifuge.js';
import { builtEntryPoint } from '../testkit/services/index.js';

/**
 * Every benchmark, and what its report must hold: see `bench/README.md`. What compares processor time may be missing:
 * in this tiny form some take too little of it for the clock.
 */
const BENCHES: Readonly<Record<string, { ratios: readonly string[]; figures: readonly string[] }>> = {
  'fan-out': {
    ratios: ['F1', 'F2.mercurius', 'F2.yoga', 'F3', 'F5.raw', 'F5.mercurius'],
    figures: ['F4'],
  },
  centrifuge: {
    // The others compare processor time.
    ratios: buildCentrifuge() === undefined ? [] : ['F9.1000'],
    figures: [],
  },
  'small-rooms': { ratios: ['F6.10', 'F6.2'], figures: [] },
  mutations: { ratios: ['M1', 'M2.mercurius', 'M2.jit', 'M3'], figures: [] },
  // I2 compares processor time.
  idle: { ratios: ['I1.raw', 'I1.yoga'], figures: [] },
  ranking: { ratios: ['ranking.plain 100'], figures: ['ranking'] },
  embedded: { ratios: ['E1', 'E2'], figures: [] },
  'hot-room': { ratios: ['N2.yoga'], figures: ['N2'] },
  stalled: { ratios: ['N1.p99'], figures: ['N1'] },
  pipeline: { ratios: ['pipeline.mutations', 'pipeline.fan-out'], figures: [] },
  writers: { ratios: ['W1', 'W2', 'W2.one'], figures: ['W1'] },
  instances: { ratios: ['F7', 'F7.yoga'], figures: [] },
  services: { ratios: ['tick.1000 rooms against 10'], figures: [] },
  client: { ratios: ['client.typing busy to idle'], figures: ['client'] },
};

const LIMIT_MS = 180_000;

const folder = mkdtempSync(join(tmpdir(), 'madang-bench-test-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
// What they start is the build.
beforeAll(async () => void (await builtEntryPoint()));

describe('npm run bench', () => {
  it.each(Object.entries(BENCHES))('%s runs, loses no frame, and writes what it promises', (name, wanted) => {
    const json = join(folder, `${name}.json`);
    const ran = spawnSync(
      process.execPath,
      ['--import', './scripts/run-typescript.js', 'bench/bench.ts', name, '--tiny', '--json', json],
      { encoding: 'utf8', timeout: LIMIT_MS },
    );
    // A first run installs the peers, and npm has things to say about that.
    expect(ran.status === 0 ? 'done' : ran.stderr).toBe('done');
    const report: unknown = JSON.parse(readFileSync(json, 'utf8'));
    const spread = { median: expect.any(Number), min: expect.any(Number), max: expect.any(Number) };
    expect(report).toMatchObject({
      bench: name,
      rounds: 1,
      quick: false,
      machine: { cores: expect.any(Number), node: process.version },
      contenders: expect.any(Object),
      ratios: Object.fromEntries(wanted.ratios.map((target) => [target, spread])),
      figures: Object.fromEntries(wanted.figures.map((target) => [target, expect.anything()])),
    });
  });
});
