import { useSyncExternalStore } from 'react';
import type { Readable } from '../../kit/index.js';

/** The present value of one of the kit's stores; renders again when it changes. */
export function useReadable<T>(store: Readable<T>): T {
  return useSyncExternalStore(store.watch, store.get);
}

/** What `select` makes of the present value; renders again only when that changes, so it must make no new objects. */
export function useSelected<T, Part>(store: Readable<T>, select: (value: T) => Part): Part {
  return useSyncExternalStore(store.watch, () => select(store.get()));
}
