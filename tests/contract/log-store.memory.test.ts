import { createMemoryLogStore } from '../testkit/log/memory-log-store.js';
import type { Note } from '../testkit/log/log-world.js';
import { logStoreSuite } from './log-store.suite.js';

logStoreSuite('the store of the unit tests', async () => {
  const store = createMemoryLogStore<Note>();
  return {
    store,
    record: (fields) => ({ ...fields, text: `text ${fields.number}` }),
    addLog: async (logId) => store.setFirst(logId, 1),
    setFirst: async (logId, first) => store.setFirst(logId, first),
    setHead: async () => undefined,
    stop: async () => undefined,
  };
});
