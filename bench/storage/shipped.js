/** Sends as Madang ships them: its log, its store, power-loss durable, many to a commit. Prints how many a second. */
import { randomUUID } from 'node:crypto';
import { createLog } from '../../dist/log/create-log.js';
import { LOG_LIMITS } from '../../dist/log/log-limits.js';
import { createMessageStoreFor } from './store.js';
import { approximateBytes, numbered, sameInput, storedKey } from '../../dist/messages/message.js';
import { systemClock } from '../../dist/lib/clock.js';
import { createDeadlines } from '../../dist/lib/deadlines.js';
import { systemIds } from '../../dist/lib/ids.js';
import { perSecond, ROOMS, SECONDS, TEXT } from './work.js';

const IN_FLIGHT = 50;
/** As operations have them: one signal for those that begin together. */
const deadline = createDeadlines({ clock: systemClock, ms: 4500, sliceMs: 20 });
const nothing = () => undefined;
const log = { trace: nothing, debug: nothing, info: nothing, warn: nothing, error: console.error };
const metrics = new Proxy({}, { get: () => nothing });
const { store, stop } = await createMessageStoreFor(process.env.DATA_DIR, log);
const bus = {
  publish: nothing,
  subscribe: () => ({ ready: Promise.resolve(), close: nothing }),
  mode: () => 'push',
  onMode: () => nothing,
};
const messages = createLog({
  store,
  bus,
  clock: systemClock,
  chance: Math.random,
  defer: setImmediate,
  log,
  // As the embedded server has them: nobody else writes.
  limits: { ...LOG_LIMITS, maxTurnMs: 0 },
  metrics,
  numbered,
  sameInput,
  sizeOf: approximateBytes,
  onReleased: nothing,
});

const rooms = Array.from({ length: ROOMS }, () => randomUUID());
const authorId = randomUUID();
let stored = 0;
let going = true;

async function sender(number) {
  for (let turn = number; going; turn += 1) {
    const call = systemIds.random64();
    const logId = rooms[turn % ROOMS];
    const createdAt = new Date();
    const key = storedKey(null, createdAt.getTime(), call);
    const entry = { logId, authorId, key, call, text: TEXT, createdAt };
    await messages.append(logId, entry, deadline());
    stored += 1;
  }
}

const senders = Array.from({ length: IN_FLIGHT }, (_, number) => sender(number));
await perSecond(() => stored, SECONDS);
going = false;
await Promise.all(senders);
await messages.stop(1000);
await stop();
