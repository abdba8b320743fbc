import { useSyncExternalStore } from 'react';

function watch(listener: () => void): () => void {
  document.addEventListener('visibilitychange', listener);
  return () => document.removeEventListener('visibilitychange', listener);
}

/** Whether the page is in front of somebody: only then is a message read. */
export const usePageVisible = (): boolean => useSyncExternalStore(watch, () => !document.hidden);
