import type { LogStore } from '../log/log-store.js';
import type { Message } from './message.js';

/** Messages are one log per room; see the port of logs for every promise. */
export type MessageStore = LogStore<Message>;
