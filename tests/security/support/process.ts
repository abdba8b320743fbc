import { readFileSync } from 'node:fs';

const PAGE_BYTES = 4096;
const BYTES_PER_MB = 1_048_576;

/** What a process holds in memory, in MB (Linux). */
export function residentMb(pid: number): number {
  const [, pages] = readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ');
  return (Number(pages) * PAGE_BYTES) / BYTES_PER_MB;
}
