import { createContext, useContext } from 'react';
import type { Chat } from './chat.js';

export const ChatContext = createContext<Chat | null>(null);

/** The chat of this page. */
export function useChat(): Chat {
  const chat = useContext(ChatContext);
  if (chat === null) throw new Error('useChat is for what is below ChatContext.');
  return chat;
}
