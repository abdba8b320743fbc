import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

/**
 * Most tests wait for servers, timers and disks rather than for a processor, so two cores have room for two files.
 * Vitest alone would leave one core to itself.
 */
const WORKERS = Math.max(2, availableParallelism() - 1);

/** One project per suite: each has its own time budget, printed by `npm test`. */
const suite = (
  name: string,
  options: { testTimeout?: number; fileParallelism?: boolean; beside?: readonly string[] } = {},
) => ({
  // Node gives packages the CommonJS build of graphql; Vite alone would choose the other one, a second realm.
  resolve: { alias: [{ find: /^graphql$/, replacement: 'graphql/index.js' }] },
  test: {
    name,
    include: [
      `tests/${name}/**/*.test.{ts,tsx}`,
      ...(options.beside ?? []),
      // Scenarios that have no short form: npm run test:faults, npm run test:security.
      ...(process.env['MADANG_FAULTS'] === 'long' || process.env['MADANG_SECURITY'] === 'long'
        ? [`tests/${name}/**/*.long.ts`]
        : []),
    ],
    testTimeout: options.testTimeout ?? 30_000,
    hookTimeout: 120_000,
    fileParallelism: options.fileParallelism ?? true,
    pool: 'forks' as const,
    execArgv: [
      '--import',
      fileURLToPath(new URL('./tests/testkit/typescript-in-threads.js', import.meta.url)),
    ],
  },
});

export default defineConfig({
  test: {
    maxWorkers: WORKERS,
    globalSetup: 'tests/testkit/services/global-setup.ts',
    projects: [
      suite('unit'),
      suite('testkit', { testTimeout: 60_000 }),
      suite('contract', { testTimeout: 60_000 }),
      suite('api', { testTimeout: 60_000 }),
      suite('live', { testTimeout: 60_000 }),
      suite('simulation', { testTimeout: 120_000 }),
      suite('ranking', { testTimeout: 240_000, fileParallelism: false }),
      suite('faults', { testTimeout: 240_000, fileParallelism: false }),
      suite('security', { testTimeout: 120_000 }),
      suite('client', { testTimeout: 60_000, beside: ['client/kit/exchanges/*.test.ts'] }),
      suite('e2e', { testTimeout: 120_000 }),
      suite('docs', { testTimeout: 120_000 }),
      suite('examples', { testTimeout: 400_000, fileParallelism: false }),
      suite('bench', { testTimeout: 240_000, fileParallelism: false }),
      suite('packaging', { testTimeout: 240_000, fileParallelism: false }),
    ],
  },
});
