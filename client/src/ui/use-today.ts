import { useSyncExternalStore } from 'react';

function watch(listener: () => void): () => void {
  let timer: ReturnType<typeof setTimeout>;
  const wind = () => {
    const now = new Date();
    const midnight = new Date(now.getFullYear(), now.getMonth(), now.getDate() + 1);
    timer = setTimeout(() => {
      listener();
      wind();
    }, midnight.getTime() - now.getTime());
  };
  wind();
  return () => clearTimeout(timer);
}

/** When today began here, in milliseconds since the Unix epoch. */
export const useToday = (): number => useSyncExternalStore(watch, () => new Date().setHours(0, 0, 0, 0));
