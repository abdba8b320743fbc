/**
 * Imported by a server before it: counts the executions of `roomsChanged`, and measures for how long its event loop
 * was blocked. Says `watched N {…}` at the N-th SIGUSR2: since the last one.
 */
import { register } from 'node:module';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { isMainThread } from 'node:worker_threads';
import { changed } from '../contenders/lib/changed.js';

const COUNTS = 'madang executions';
const NS_PER_MS = 1e6;

/** A hook of Node's loader. */
export const load = changed({
  'graphql/shared/shared-execution.js': [
    [
      'const result = execute(prepared,',
      `globalThis['${COUNTS}'][fieldName] = (globalThis['${COUNTS}'][fieldName] ?? 0) + 1;
                const result = execute(prepared,`,
    ],
  ],
});

// The hooks run in a thread of their own, which loads this file too; so does the thread that writes.
if (isMainThread) {
  register(import.meta.url);
  globalThis[COUNTS] = {};
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  let asked = 0;
  process.on('SIGUSR2', () => {
    asked += 1;
    const figures = {
      executions: globalThis[COUNTS].roomsChanged ?? 0,
      blockedP99Ms: delay.percentile(99) / NS_PER_MS,
      blockedMaxMs: delay.max / NS_PER_MS,
    };
    console.log(`watched ${asked} ${JSON.stringify(figures)}`);
    globalThis[COUNTS] = {};
    delay.reset();
  });
}
