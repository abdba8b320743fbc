import { monitorEventLoopDelay, performance } from 'node:perf_hooks';
import { cpuUsage } from 'node:process';
import { getHeapStatistics } from 'node:v8';

/** How busy this process was since it was last asked. */
export interface Load {
  /** Of 100 turns of the event loop, one was late by more than this, in milliseconds. */
  readonly delayMs: number;
  /** Part of the time in which the event loop did not wait, 0 to 1. */
  readonly utilization: number;
  /** Processor time per time that passed: 1 is one processor, all the time. */
  readonly processor: number;
  /** Part of the heap that may be used which is, 0 to 1. */
  readonly heap: number;
}

const RESOLUTION_MS = 10;
const NS_PER_MS = 1_000_000;
const US_PER_MS = 1000;

/** Processor time of this process so far, in milliseconds. */
function processorMs(): number {
  const { user, system } = cpuUsage();
  return (user + system) / US_PER_MS;
}

/** Watches the event loop of this process until `stop`; each `read` is about the time since the one before it. */
export function watchProcessLoad(): { read(): Load; stop(): void } {
  const delays = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  let since = performance.eventLoopUtilization();
  let processorAt = processorMs();
  let readAt = performance.now();
  delays.enable();
  return {
    read() {
      const now = performance.eventLoopUtilization();
      const { utilization } = performance.eventLoopUtilization(now, since);
      since = now;
      // The timer that measures is itself due only after its resolution.
      const delayMs = delays.count === 0 ? 0 : delays.percentile(99) / NS_PER_MS - RESOLUTION_MS;
      delays.reset();
      const processorNow = processorMs();
      const readNow = performance.now();
      const passedMs = readNow - readAt;
      const processor = passedMs === 0 ? 0 : (processorNow - processorAt) / passedMs;
      processorAt = processorNow;
      readAt = readNow;
      const { used_heap_size: used, heap_size_limit: limit } = getHeapStatistics();
      return { delayMs, utilization, processor, heap: used / limit };
    },
    stop: () => void delays.disable(),
  };
}
