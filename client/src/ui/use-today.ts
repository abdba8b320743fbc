import { useSyncExternalStore } from 'react';

function watch(listener: () => void): () => void {
  const now = new Date();
  const midnight = new Date(now.getFullYear(), now.getMonth(), now.getDate() + 1);
  const timer = setTimeout(listener, midnight.getTime() - now.getTime());
  return () => clearTimeout(timer);
}

/** When today began here, in milliseconds since the Unix epoch. */
export const useToday = (): number => useSyncExternalStore(watch, () => new Date().setHours(0, 0, 0, 0));
