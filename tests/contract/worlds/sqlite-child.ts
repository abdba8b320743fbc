import { once } from 'node:events';
import { systemIds } from '../../../src/lib/ids.js';
import { silentLogger } from '../../../src/lib/logger.js';
import { createSqliteMessageStore } from '../../../src/messages/message-store.sqlite.js';
import { openSqlite } from '../../../src/sqlite/sqlite.js';

/**
 * A process of its own that holds the data folder `argv[2]` and appends to the logs in `argv[3]` (separated by
 * commas) without end. It prints `open`, then `LOG NUMBER` for each record whose append was acknowledged, and
 * `unknown` for the first append that was not; then it ends its appending, and stays.
 */
const [, , dataDir = '', logs = ''] = process.argv;
const sqlite = await openSqlite({ dataDir, log: silentLogger });
const store = createSqliteMessageStore({ sqlite });

/** What was printed is read by the other side even if this process is killed next. */
async function print(line: string): Promise<void> {
  if (!process.stdout.write(`${line}\n`)) await once(process.stdout, 'drain');
}

async function appendTo(logId: string): Promise<void> {
  for (let number = 1; ; number += 2) {
    const batch = [number, number + 1].map((each) => {
      const call = systemIds.random64();
      const text = 'x'.repeat(100);
      return { logId, number: each, authorId: 'author', call, key: `s:${call}`, text, createdAt: new Date() };
    });
    const { outcome } = await store.append(batch, store.session(), AbortSignal.timeout(30_000));
    if (outcome !== 'landed') return print(outcome);
    await print(`${logId} ${number}\n${logId} ${number + 1}`);
  }
}

await print('open');
setInterval(() => undefined, 60_000);
await Promise.all(
  logs
    .split(',')
    .filter((logId) => logId !== '')
    .map(appendTo),
);
