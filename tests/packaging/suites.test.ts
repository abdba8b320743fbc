import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { NAMED_SUITES, SUITES } from '../../scripts/suites.js';

describe('npm test', () => {
  it('runs every folder that holds tests but the benchmarks, and gives each suite a budget', () => {
    const folders = new Set(
      readdirSync('tests', { recursive: true, encoding: 'utf8' })
        .filter((path) => /\.test\.tsx?$/.test(path))
        .map((path) => path.split('/')[0] ?? ''),
    );
    const run = SUITES.flatMap(({ projects }) => projects);
    expect([...run, 'bench'].toSorted()).toEqual([...folders].toSorted());
    expect(NAMED_SUITES.flatMap(({ projects }) => projects)).toContain('bench');
    for (const { seconds } of SUITES) expect(seconds).toBeGreaterThan(0);
  });

  it('knows every folder that holds tests as a project of its own', () => {
    const config = readFileSync('vitest.config.ts', 'utf8');
    for (const { projects } of SUITES)
      for (const project of projects) expect(config).toContain(`suite('${project}'`);
  });
});
