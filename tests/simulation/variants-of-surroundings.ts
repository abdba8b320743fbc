import { CodedError } from '../../src/lib/coded-error.js';
import { CALM, MAX_LAG_MS, NEVER, type Variant } from './variants.js';

/** Simplifications of what the logs stand on: figures, store and bus. */
export const SURROUNDINGS_VARIANTS: readonly Variant[] = [
  {
    name: 'head unknown, so straight from the lagging hint',
    schedule: {
      weather: { restore: 0.3, crash: 1 },
      twist: {
        wrapStore(store, { set, dice }) {
          // The hint was dumped after the messages: it may be ahead of them.
          let restores = 0;
          const ahead = new Map<string, number>();
          return {
            ...store,
            async newest(logId, session, signal) {
              const newest = await store.newest(logId, session, signal);
              if (set.restores() !== restores) {
                restores = set.restores();
                ahead.clear();
                for (const id of set.firsts([logId], set.view()).keys()) ahead.set(id, dice.whole(0, 2));
              }
              const more = ahead.get(logId) ?? 0;
              ahead.delete(logId);
              return newest === null ? null : { ...newest, number: newest.number + more };
            },
          };
        },
      },
    },
  },
  {
    name: 'a head that is not confirmed never expires',
    schedule: {
      weather: { ...CALM, retention: 3, page: 0, move: 0, stall: 0 },
      load: { sendersPerLog: 1, subscribersPerLog: 1, pace: 5, stormMs: 30_000 },
      twist: { limits: { headLifetimeMs: NEVER } },
    },
  },
  {
    name: 'where the log begins is not read again',
    schedule: {
      weather: { retention: 2 },
      twist: {
        wrapStore(store) {
          const known = new Map<string, number>();
          return {
            ...store,
            async firsts(logIds, level, signal) {
              for (const [logId, first] of await store.firsts(logIds, level, signal)) {
                if (!known.has(logId)) known.set(logId, first);
              }
              return new Map(known);
            },
          };
        },
      },
    },
  },
  {
    name: 'a silent store is taken for a cursor ahead of the log',
    schedule: {
      weather: { storeHang: 0.5, loss: 0.05, move: 4 },
      twist: {
        wrapStore: (store) => ({
          ...store,
          get: (positions, level, signal) => store.get(positions, level, signal).catch(() => []),
          firsts: (logIds, level, signal) => store.firsts(logIds, level, signal).catch(() => new Map()),
        }),
      },
    },
  },
  {
    name: 'a duplicate is told though a write-concern error came beside it',
    schedule: {
      weather: { stepDown: 4, lagMs: 60, lostAnswer: 0.2, loss: 0.05, lateInsert: 0.1 },
      twist: { flaws: { ignoresWriteConcern: true } },
    },
  },
  {
    name: 'acknowledged before a majority has it',
    schedule: { weather: { stepDown: 2, lagMs: 30 }, twist: { flaws: { answersBeforeMajority: true } } },
  },
  {
    name: 'the head from a local read',
    schedule: { weather: { stepDown: 3, lagMs: 100, crash: 1 }, twist: { flaws: { localHead: true } } },
  },
  {
    name: 'unordered batches',
    schedule: { twist: { flaws: { unordered: true } } },
  },
  {
    name: 'no idempotency key',
    schedule: {
      weather: { loss: 0.03 },
      twist: {
        wrapStore: (store, { dice }) => ({
          ...store,
          append: (batch, session, signal) =>
            store.append(
              batch.map((record) => ({ ...record, key: `s:${dice.hex16()}` })),
              session,
              signal,
            ),
        }),
      },
    },
  },
  {
    name: 'no tail check',
    schedule: {
      weather: { ...CALM, busLoss: 0.2, move: 0.2, page: 0 },
      load: { pace: 2 },
      deadBus: false,
      twist: { limits: { tailCheckMs: NEVER, pollingTailCheckMs: NEVER } },
    },
  },
  {
    name: 'the head is read before the subscription is in force, and no tail check',
    schedule: {
      weather: { ...CALM, move: 6, stall: 0 },
      load: { pace: 2, subscribersPerLog: 2 },
      deadBus: false,
      maxLagMs: MAX_LAG_MS,
      twist: {
        limits: { tailCheckMs: NEVER, pollingTailCheckMs: NEVER, feedIdleMs: 1 },
        wrapBus: (bus, { scheduler }) => ({
          ...bus,
          subscribe(logId, listener) {
            let close = (): void => undefined;
            const cancel = scheduler.after(150, () => {
              const subscription = bus.subscribe(logId, listener);
              close = () => subscription.close();
            });
            return {
              ready: Promise.resolve(),
              close() {
                cancel();
                close();
              },
            };
          },
        }),
      },
    },
  },
  {
    name: 'numbers from a counter',
    schedule: {
      twist: {
        wrapStore(store, { set }) {
          const counters = new Map<string, number>();
          let restores = 0;
          return {
            ...store,
            append(batch, session, signal) {
              if (set.restores() !== restores) counters.clear();
              restores = set.restores();
              const counted = batch.map((record) => {
                const last =
                  counters.get(record.logId) ?? set.newest(record.logId, set.localView())?.number ?? 0;
                counters.set(record.logId, last + 1);
                return { ...record, number: last + 1 };
              });
              return store.append(counted, session, signal);
            },
          };
        },
      },
    },
  },
  {
    name: 'what the store cannot do is answered with nothing',
    schedule: {
      weather: { storeHang: 0.5, loss: 0.05 },
      twist: {
        wrapStore: (store) => ({
          ...store,
          newest: (logId, session, signal) =>
            store.newest(logId, session, signal).catch((error: unknown) => {
              if (error instanceof CodedError) return null;
              throw error;
            }),
        }),
      },
    },
  },
];
