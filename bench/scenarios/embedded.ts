import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { SERVER_CORE } from '../lib/machine.js';
import { start } from '../lib/processes.js';
import { against } from '../lib/report.js';
import { interleaved, type Scenario } from '../lib/scenario.js';

const STORAGE = fileURLToPath(new URL('../storage/', import.meta.url));
const SECONDS = 4;

const CONTENDERS: Readonly<Record<string, { program: string; env: Record<string, string> }>> = {
  madang: { program: 'shipped.js', env: {} },
  'one by one, NORMAL': { program: 'one-by-one.js', env: { SYNC: 'NORMAL' } },
  'one by one, FULL': { program: 'one-by-one.js', env: { SYNC: 'FULL' } },
};

/** Messages stored a second by the embedded store, 50 senders at once, against the bare driver (E1, E2). */
export const embedded: Scenario = async (size) => {
  const rounds = await interleaved(size, Object.keys(CONTENDERS), async (name) => {
    const { program, env } = CONTENDERS[name] ?? { program: '', env: {} };
    const folder = mkdtempSync(join(tmpdir(), 'madang-bench-'));
    const seconds = String(size.ms(SECONDS * 1000) / 1000);
    const running = start(SERVER_CORE, process.execPath, [join(STORAGE, program)], {
      DATA_DIR: folder,
      SECONDS: seconds,
      ...env,
    });
    try {
      const [, storedPerSecond] = await running.said(/per second (\S+)/);
      return { storedPerSecond: Number(storedPerSecond) };
    } finally {
      await running.stop();
      rmSync(folder, { recursive: true, force: true });
    }
  });
  return {
    rounds,
    ratios: {
      E1: against('storedPerSecond', 'madang', 'one by one, NORMAL'),
      E2: against('storedPerSecond', 'madang', 'one by one, FULL'),
    },
  };
};
