/** Virtual time: what happens, happens in an order that depends on nothing but what was scheduled. */
export interface Scheduler {
  /** Milliseconds since the beginning. */
  now(): number;
  /** Runs `callback` after `ms`; at infinity, never. Returns how to cancel it. */
  after(ms: number, callback: () => void): () => void;
  sleep(ms: number): Promise<void>;
  /** Runs everything that is due before `end`, then stands at `end`. */
  runUntil(end: number): Promise<void>;
  /** Runs the next event, if there is one; all promises that it settles have run when this resolves. */
  step(): Promise<boolean>;
  /** Events run so far. */
  steps(): number;
}

interface Timer {
  readonly at: number;
  readonly order: number;
  callback: (() => void) | null;
}

const isBefore = (one: Timer, other: Timer): boolean =>
  one.at === other.at ? one.order < other.order : one.at < other.at;

/** Lets every promise run: the check phase comes only when no microtask is left. */
const drain = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

export function createScheduler(): Scheduler {
  /** A binary heap, the earliest first. */
  const heap: Timer[] = [];
  let now = 0;
  let order = 0;
  let steps = 0;

  function push(timer: Timer): void {
    let index = heap.length;
    heap.push(timer);
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (!isBefore(timer, heap[parent]!)) break;
      heap[index] = heap[parent]!;
      index = parent;
    }
    heap[index] = timer;
  }

  function pop(): Timer | undefined {
    const top = heap[0];
    const last = heap.pop();
    if (top === undefined || last === undefined || heap.length === 0) return top;
    let index = 0;
    for (;;) {
      let child = 2 * index + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child += 1;
      if (!isBefore(heap[child]!, last)) break;
      heap[index] = heap[child]!;
      index = child;
    }
    heap[index] = last;
    return top;
  }

  function next(end: number): Timer | null {
    for (;;) {
      const top = heap[0];
      if (top === undefined || top.at > end) return null;
      pop();
      if (top.callback !== null) return top;
    }
  }

  async function run(timer: Timer): Promise<void> {
    now = Math.max(now, timer.at);
    steps += 1;
    timer.callback?.();
    timer.callback = null;
    await drain();
  }

  function after(ms: number, callback: () => void): () => void {
    if (ms === Number.POSITIVE_INFINITY) return () => undefined;
    order += 1;
    const timer: Timer = { at: now + Math.max(0, ms), order, callback };
    push(timer);
    return () => {
      timer.callback = null;
    };
  }

  return {
    now: () => now,
    after,
    sleep: (ms) => new Promise((resolve) => void after(ms, resolve)),
    async runUntil(end) {
      await drain();
      for (let timer = next(end); timer !== null; timer = next(end)) await run(timer);
      now = Math.max(now, end);
    },
    async step() {
      const timer = next(Number.POSITIVE_INFINITY);
      if (timer !== null) await run(timer);
      return timer !== null;
    },
    steps: () => steps,
  };
}
