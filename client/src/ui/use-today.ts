import { useSyncExternalStore } from 'react';

/** A timer does not run while the machine sleeps: so soon after it has woken, in milliseconds, day and zone are right. */
const LOOK_AGAIN_MS = 60_000;

function watch(listener: () => void): () => void {
  let timer: ReturnType<typeof setTimeout>;
  const wind = () => {
    const now = new Date();
    const midnight = new Date(now.getFullYear(), now.getMonth(), now.getDate() + 1);
    timer = setTimeout(
      () => {
        listener();
        wind();
      },
      Math.min(midnight.getTime() - now.getTime(), LOOK_AGAIN_MS),
    );
  };
  wind();
  return () => clearTimeout(timer);
}

/** The time zone here: machines travel. */
export const useTimeZone = (): string =>
  useSyncExternalStore(watch, () => new Intl.DateTimeFormat().resolvedOptions().timeZone);

/** When today began here, in milliseconds since the Unix epoch. */
export const useToday = (): number => useSyncExternalStore(watch, () => new Date().setHours(0, 0, 0, 0));
