import { useSyncExternalStore } from 'react';
import { useChat } from '../session/chat-context.js';
import type { Route } from './router.js';

/** What the address asks for, now. */
export function useRoute(): Route {
  const { router } = useChat();
  return useSyncExternalStore(router.watch, router.get);
}
