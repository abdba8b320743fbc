import { readFileSync } from 'node:fs';
import { WebSocket } from 'ws';
import type { Running } from './processes.js';

/** Switches that let `memoryOf` reach a process. */
export const INSPECTED = ['--inspect=127.0.0.1:0'];

const BYTES_PER_KB = 1024;

export interface Memory {
  readonly rssKb: number;
  readonly heapKb: number;
}

/** Resident memory of a process as its kernel counts it. */
function rssKb(pid: number): number {
  const [, kb] = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return Number(kb);
}

async function call(address: string, methods: readonly string[]): Promise<Record<string, number>> {
  const socket = new WebSocket(address);
  await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject));
  let result: Record<string, number> = {};
  for (const [id, method] of methods.entries()) {
    result = await new Promise((resolve) => {
      socket.on('message', (data: Buffer) => {
        const message = JSON.parse(data.toString()) as { id?: number; result?: Record<string, number> };
        if (message.id === id) resolve(message.result ?? {});
      });
      socket.send(JSON.stringify({ id, method }));
    });
  }
  socket.close();
  return result;
}

/** What a contender holds once its garbage is gone. It was started with `INSPECTED`. */
export async function memoryOf(running: Pick<Running, 'said'>, pid: number): Promise<Memory> {
  const [, address = ''] = await running.said(/listening on (ws:\S+)/);
  const collect = ['HeapProfiler.collectGarbage', 'HeapProfiler.collectGarbage'];
  const { usedSize = Number.NaN } = await call(address, [...collect, 'Runtime.getHeapUsage']);
  return { rssKb: rssKb(pid), heapKb: usedSize / BYTES_PER_KB };
}
