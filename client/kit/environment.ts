/** Time and chance as arguments, so that tests own both. */
export interface Environment {
  /** Wall clock, in milliseconds since the Unix epoch. */
  readonly now: () => number;
  /** A number from 0 up to, not including, 1. */
  readonly random: () => number;
  /** Runs `callback` once after `ms` milliseconds; the returned function cancels it, as often as one likes. */
  readonly after: (ms: number, callback: () => void) => () => void;
}

/** The time and the chance of this machine. */
export const systemEnvironment: Environment = {
  now: () => Date.now(),
  random: () => Math.random(),
  after(ms, callback) {
    const timer = setTimeout(callback, ms);
    return () => clearTimeout(timer);
  },
};

/** Text kept under names, such as `localStorage`. It may forget, and it may hold what somebody else wrote. */
export interface KeyValueStorage {
  get(key: string): string | null;
  set(key: string, value: string): void;
  remove(key: string): void;
}

/** A storage that lasts as long as the page. */
export function createMemoryStorage(): KeyValueStorage {
  const values = new Map<string, string>();
  return {
    get: (key) => values.get(key) ?? null,
    set: (key, value) => void values.set(key, value),
    remove: (key) => void values.delete(key),
  };
}
