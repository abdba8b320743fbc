import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

it.each(['bare', 'injected'])(
  'what the benchmarks change of the built program for %s is still in it',
  async (contender) => {
    const program = [
      '--input-type=module',
      '-e',
      "await import('./dist/app.js'); console.log('loaded'); process.exit();",
    ];
    const { stdout } = await promisify(execFile)(process.execPath, [
      '--import',
      `./bench/contenders/${contender}.js`,
      ...program,
    ]);
    expect(stdout).toContain('loaded');
  },
);
