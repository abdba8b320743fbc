import { readFileSync } from 'node:fs';
import { once } from 'node:events';
import { WebSocket } from 'ws';

const PAGE_BYTES = 4096;
const BYTES_PER_MB = 1_048_576;

/** What a process holds in memory, in MB (Linux). */
export function residentMb(pid: number): number {
  const [, pages] = readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ');
  return (Number(pages) * PAGE_BYTES) / BYTES_PER_MB;
}

/** Setting of a server whose garbage `keptMb` can have collected. */
export const INSPECTED = { NODE_OPTIONS: '--inspect=127.0.0.1:0' };

/**
 * What a process holds once its garbage is gone, in MB: how much of that there is depends on when V8 found it worth
 * collecting.
 *
 * @param output - what the process has written.
 */
export async function keptMb({ pid, output }: { pid: number; output: string }): Promise<number> {
  const [, address = ''] = /listening on (ws:\S+)/.exec(output) ?? [];
  const inspector = new WebSocket(address);
  await once(inspector, 'open');
  for (const id of [1, 2, 3]) {
    inspector.send(JSON.stringify({ id, method: 'HeapProfiler.collectGarbage' }));
    await once(inspector, 'message');
  }
  inspector.close();
  await once(inspector, 'close');
  return residentMb(pid);
}
