import type { LogAppended } from '../../../src/log/log.js';
import type { Note } from '../../testkit/log/log-world.js';
import { codeOf } from './code-of.js';
import type { Instance } from './instance.js';
import type { SimulatedWorld } from './world.js';

/** The deadline of a request, of one that ends in the midst of things, and how much longer a client waits. */
const REQUEST_MS = 1000;
const SHORT_REQUEST_MS = 60;
const PATIENCE_MS = 3000;

/** Runs one call in an instance, over a connection that dies with it. */
export function callInstance<Value>(
  world: SimulatedWorld,
  instance: Instance,
  call: (signal: AbortSignal) => Promise<Value>,
): Promise<Value> {
  const { scheduler, dice } = world;
  const requestMs = dice.happens(0.1) ? dice.between(1, SHORT_REQUEST_MS) : REQUEST_MS;
  return new Promise((resolve, reject) => {
    const end = scheduler.after(PATIENCE_MS, () => reject(new Error('no answer')));
    instance.onEnd(() => {
      scheduler.after(dice.between(1, 50), () => reject(new Error('connection closed')));
    });
    scheduler.after(dice.between(0.1, 2), () =>
      instance.enter(() => {
        const controller = new AbortController();
        const cancel = scheduler.after(requestMs, () => instance.enter(() => controller.abort()));
        Promise.resolve()
          .then(() => call(controller.signal))
          .finally(() => {
            cancel();
            end();
          })
          .then((value) => {
            if (dice.happens(world.faults.lostAnswer)) reject(new Error('answer lost'));
            else resolve(value);
          }, reject);
      }),
    );
  });
}

const RETRIED = new Set(['UNAVAILABLE', 'OVERLOADED', 'CONNECTION']);

/** Sends messages one after the other, each under one key until it is acknowledged, and sometimes again. */
export async function runSender(
  world: SimulatedWorld,
  name: string,
  logId: string,
  { count, pace }: { readonly count: number; readonly pace: number },
): Promise<void> {
  const { scheduler, dice, history } = world;

  async function attempt(key: string | null, text: string): Promise<LogAppended<Note>> {
    const call = dice.hex16();
    const entry = { logId, authorId: name, key: key ?? `s:${call}`, call, text };
    const instance = await world.someInstance();
    return callInstance(world, instance, (signal) => instance.log.append(logId, entry, signal));
  }

  async function insist(key: string, text: string): Promise<LogAppended<Note>> {
    for (let tries = 1; ; tries += 1) {
      try {
        return await attempt(key, text);
      } catch (error) {
        if (!RETRIED.has(codeOf(error))) throw error;
        await scheduler.sleep(dice.roll() * Math.min(1000, 20 * 2 ** tries));
      }
    }
  }

  /** Everything about a message that was acknowledged under a key. */
  async function repeat(key: string, record: Note): Promise<void> {
    const epoch = world.epoch();
    const same = dice.happens(0.5);
    const again = await insist(key, same ? record.text : `${record.text}, changed`);
    if (world.epoch() !== epoch || record.number < history.first(logId)) return;
    if (same && (again.outcome !== 'stored' || again.record.call !== record.call || !again.duplicate)) {
      history.violate('LOG-5', `${key} stored as ${record.number} came back as another one`);
    }
    if (!same && again.outcome !== 'conflict') history.violate('LOG-5', `${key} was taken with another text`);
  }

  for (let index = 1; index <= count; index += 1) {
    const text = `${name} ${index}`;
    await scheduler.sleep(pace * (dice.happens(0.2) ? dice.between(0, 1500) : dice.between(0, 60)));
    if (dice.happens(0.05)) {
      // Without a key nobody retries: it is stored once or not at all.
      const sent = await attempt(null, `${text}, no key`).catch(() => null);
      if (sent?.outcome === 'stored') history.acknowledge(sent.record, false);
      continue;
    }
    const key = `c:${name} ${index}`;
    const epoch = world.epoch();
    const twins = dice.happens(0.1) ? [insist(key, text), insist(key, text)] : [insist(key, text)];
    const answers = await Promise.all(twins);
    const [answer, twin] = answers;
    if (answer?.outcome !== 'stored') {
      history.violate('LOG-5', `${key} was refused though its text never changed`);
      continue;
    }
    if (world.epoch() !== epoch) continue;
    if (twin !== undefined && (twin.outcome !== 'stored' || twin.record.call !== answer.record.call)) {
      const older =
        twin.outcome === 'stored'
          ? Math.min(answer.record.number, twin.record.number)
          : Number.POSITIVE_INFINITY;
      if (older >= history.first(logId)) history.violate('LOG-5', `${key} was stored twice`);
    }
    history.acknowledge(answer.record, true);
    if (dice.happens(0.08)) await repeat(key, answer.record);
  }
}
