import { createGroup } from '../../../src/graphql/shared/group.js';
import { LOG_LIMITS, type LogLimits } from '../../../src/log/log-limits.js';
import type { LogBus } from '../../../src/log/log-bus.js';
import type { LogStore } from '../../../src/log/log-store.js';
import type { Note } from '../../testkit/log/log-world.js';
import { createDice, type Dice } from './dice.js';
import { createSharing, followAlone, type CreateGroup, type Following } from './following.js';
import { createHistory, type History } from './history.js';
import { createInstance, type CreateLog, type Instance } from './instance.js';
import { createModelBus, type ModelBus } from './model-bus.js';
import { createModelStore, type ModelStore, type StoreFlaws } from './model-store.js';
import type { ReplicaSet } from './replica-set.js';
import { createScheduler, type Scheduler } from './scheduler.js';

/** One scale of constants, about a twentieth of production's: retention (6 s) is far longer than a head lives. */
const SIMULATED_LIMITS: LogLimits = {
  ...LOG_LIMITS,
  maxReplayed: 20,
  maxBatchRecords: 8,
  headLifetimeMs: 2000,
  storeCallMs: 700,
  subscribeWaitMs: 100,
  maxAhead: 64,
  repairPageRecords: 10,
  repairRetryMs: 20,
  maxRepairRetryMs: 200,
  tailCheckMs: 200,
  tailCheckJitterMs: 300,
  pollingTailCheckMs: 50,
  firstsCheckMs: 1000,
  maxRingRecords: 32,
  feedIdleMs: 1000,
  headReadShareMs: 50,
};

/** How a world differs from the one that production is promised. */
export interface Twist {
  readonly createLog?: CreateLog;
  readonly createGroup?: CreateGroup;
  readonly limits?: Partial<LogLimits>;
  readonly flaws?: StoreFlaws;
  readonly wrapStore?: (
    store: LogStore<Note>,
    world: { set: ReplicaSet<Note>; dice: Dice; scheduler: Scheduler },
  ) => LogStore<Note>;
  readonly wrapBus?: (bus: LogBus<Note>, world: { scheduler: Scheduler; dice: Dice }) => LogBus<Note>;
}

export interface SimulatedWorld {
  readonly scheduler: Scheduler;
  readonly dice: Dice;
  readonly store: ModelStore<Note>;
  readonly bus: ModelBus<Note>;
  readonly set: ReplicaSet<Note>;
  readonly history: History;
  readonly limits: LogLimits;
  /** Between instances and their clients. */
  readonly faults: { lostAnswer: number };
  instances(): readonly Instance[];
  /** An instance that takes clients; waits for one. */
  someInstance(): Promise<Instance>;
  /** Starts one more instance. */
  start(): void;
  /** A new subscription there: alone, or in the group of its log. */
  follow(instance: Instance, logId: string): Following;
  /** The highest number that this instance acknowledged or released. */
  knownNumber(instance: Instance, logId: string): number;
  /** Rises with each restored backup. */
  epoch(): number;
  /** Puts a backup back, with every instance stopped. */
  restore(backup: ReturnType<ReplicaSet<Note>['backup']>): void;
  /** No primary has been replaced lately that still answers. */
  isCalm(): boolean;
}

export function createWorld(seed: number, createLog: CreateLog, twist: Twist): SimulatedWorld {
  const scheduler = createScheduler();
  const dice = createDice(seed);
  const store = createModelStore<Note>(scheduler, dice, twist.flaws);
  const bus = createModelBus<Note>(scheduler, dice);
  const { set } = store;
  const history = createHistory(scheduler, set);
  const limits: LogLimits = { ...SIMULATED_LIMITS, ...twist.limits };
  const seenStore = twist.wrapStore?.(store, { set, dice, scheduler }) ?? store;
  let running: Instance[] = [];
  let started = 0;
  let epoch = 0;
  const followShared = createSharing(twist.createGroup ?? createGroup);
  const known = new Map<string, number>();
  const released = new Set<string>();

  function onReleased(name: string, record: Note): void {
    const what = `${name} ${record.logId} ${record.number} ${record.call}`;
    if (released.has(what)) history.violate('released', `${what} twice`);
    released.add(what);
    const of = `${name} ${record.logId}`;
    known.set(of, Math.max(known.get(of) ?? 0, record.number));
  }

  const world: SimulatedWorld = {
    scheduler,
    dice,
    store,
    bus,
    set,
    history,
    limits,
    faults: { lostAnswer: 0 },
    instances: () => (running = running.filter((instance) => instance.alive())),
    async someInstance() {
      for (;;) {
        const open = running.filter((instance) => instance.open());
        if (open.length > 0) return dice.pick(open);
        await scheduler.sleep(20);
      }
    },
    start() {
      started += 1;
      const name = `instance ${started}`;
      history.note(`${name} starts`);
      const instance = createInstance({
        name,
        scheduler,
        dice,
        store: seenStore,
        joinBus(enter) {
          const joined = bus.join(enter);
          return twist.wrapBus?.(joined, { scheduler, dice }) ?? joined;
        },
        limits,
        createLog: twist.createLog ?? createLog,
        onReleased: (record) => onReleased(name, record),
        onError: (message) => history.violate('hole', message),
      });
      running.push(instance);
    },
    follow: (instance, logId) =>
      dice.happens(0.5) ? followAlone(world, instance, logId) : followShared(world, instance, logId),
    knownNumber: (instance, logId) => known.get(`${instance.name} ${logId}`) ?? 0,
    epoch: () => epoch,
    restore(backup) {
      for (const instance of running) instance.crash();
      bus.flush();
      set.restore(backup);
      history.restored(backup);
      epoch += 1;
    },
    isCalm: () => set.deposed() === null,
  };
  return world;
}
