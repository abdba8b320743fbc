import { useSyncExternalStore } from 'react';
import type { Readable } from '../../kit/index.js';

/** The present value of one of the kit's stores; renders again when it changes. */
export function useReadable<T>(store: Readable<T>): T {
  return useSyncExternalStore(store.watch, store.get);
}
