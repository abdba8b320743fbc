import { createDice } from '../simulation/model/dice.js';
import { createModelStore } from '../simulation/model/model-store.js';
import { createScheduler } from '../simulation/model/scheduler.js';
import type { Note } from '../testkit/log/log-world.js';
import { logStoreSuite } from './log-store.suite.js';

/** Virtual time that passes as fast as it can. */
logStoreSuite('the store of the simulation', async () => {
  const scheduler = createScheduler();
  const store = createModelStore<Note>(scheduler, createDice(1));
  let running = true;
  const isRunning = (): boolean => running;
  async function run(): Promise<void> {
    while (isRunning())
      if (!(await scheduler.step())) await new Promise((resolve) => void setTimeout(resolve, 1));
  }
  const ended = run();
  return {
    store,
    record: (fields) => ({ ...fields, text: `text ${fields.number}` }),
    addLog: async (logId) => store.set.addLog(logId),
    async setFirst(logId, first) {
      await store.set.raiseFirst(logId, first);
    },
    setHead: async () => undefined,
    async stop() {
      running = false;
      await ended;
    },
  };
});
