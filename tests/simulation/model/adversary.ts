import type { LogEvent } from '../../../src/log/log-bus.js';
import type { Note } from '../../testkit/log/log-world.js';
import type { Instance } from './instance.js';
import { readSomePage, readSomeRecords } from './reader.js';
import type { Subscriber } from './subscriber.js';
import type { Weather } from './weather.js';
import type { SimulatedWorld } from './world.js';

export interface Counts {
  crashes: number;
  stepDowns: number;
  busHangs: number;
  partitions: number;
  sleeps: number;
  storeHangs: number;
  restores: number;
  retentions: number;
  poison: number;
}

/** Records younger than this are not removed. */
const RETENTION_MS = 6000;

/** Does its worst until `stop` is called; then everything is sound again, save a bus that stays dead if it must. */
export function createAdversary(
  world: SimulatedWorld,
  weather: Weather,
  { logIds, subscribers }: { logIds: readonly string[]; subscribers: readonly Subscriber[] },
) {
  const { scheduler, dice, store, bus, set, history } = world;
  const counts: Counts = {
    crashes: 0,
    stepDowns: 0,
    busHangs: 0,
    partitions: 0,
    sleeps: 0,
    storeHangs: 0,
    restores: 0,
    retentions: 0,
    poison: 0,
  };
  let stopped = false;
  let backup = set.backup();
  const rejoins: (() => void)[] = [];

  /** Calls `act` about so many times each second. */
  function often(perSecond: number, act: () => void): void {
    if (perSecond === 0) return;
    const next = (): void => {
      scheduler.after((-Math.log(1 - dice.roll()) * 1000) / perSecond, () => {
        if (stopped) return;
        act();
        next();
      });
    };
    next();
  }

  const some = (): Instance | undefined => {
    const running = world.instances();
    return running.length === 0 ? undefined : dice.pick(running);
  };

  function crash(): void {
    const instance = some();
    if (instance === undefined || world.instances().length < 2) return;
    counts.crashes += 1;
    history.note(`${instance.name} crashes`);
    instance.crash();
    scheduler.after(dice.between(10, 500), () => world.start());
  }

  function drain(): void {
    const instance = some();
    if (world.instances().length < 2 || instance?.open() !== true) return;
    history.note(`${instance.name} drains`);
    instance.enter(() => void instance.stop());
    scheduler.after(dice.between(10, 500), () => world.start());
  }

  function freeze(): void {
    const instance = some();
    if (instance === undefined) return;
    const ms = dice.happens(0.1) ? dice.between(4000, 9000) : dice.between(50, 2500);
    history.note(`${instance.name} stands still for ${ms.toFixed(0)} ms`);
    instance.freeze(ms);
  }

  function stepDown(): void {
    counts.stepDowns += 1;
    history.note('the primary steps down');
    set.stepDown(dice.between(5, 300), dice.between(50, 600));
  }

  function hangBus(): void {
    if (bus.hung()) return;
    counts.busHangs += 1;
    history.note('the bus hangs');
    bus.hang();
    scheduler.after(dice.between(50, 2500), () => {
      if (stopped) return;
      history.note('the bus is back');
      bus.recover();
    });
  }

  function partitionBus(): void {
    const rejoin = bus.partition();
    if (rejoin === null) return;
    counts.partitions += 1;
    history.note('an instance is cut off from the bus');
    rejoins.push(rejoin);
    scheduler.after(dice.between(50, 3000), rejoin);
  }

  function sleep(): void {
    const instance = some();
    if (instance === undefined) return;
    const ms = dice.between(500, 9000);
    counts.sleeps += 1;
    history.note(`${instance.name} sleeps for ${ms.toFixed(0)} ms`);
    instance.sleep(ms);
  }

  function hangStore(): void {
    if (store.faults.hung) return;
    counts.storeHangs += 1;
    history.note('the store hangs');
    store.faults.hung = true;
    scheduler.after(dice.between(100, 2000), () => (store.faults.hung = false));
  }

  function poison(): void {
    counts.poison += 1;
    const logId = dice.pick(logIds);
    const near = history.newest(logId) + dice.whole(-2, 4);
    const number = dice.happens(0.8) ? near : dice.pick([0, -1, 1.5, 2 ** 53, near + 100, Number.NaN]);
    const call = dice.hex16();
    const record: Note = {
      logId,
      authorId: 'nobody',
      key: `s:${call}`,
      call,
      number,
      text: `poison ${call}`,
    };
    const previousTag = dice.happens(0.2) ? null : Math.floor(dice.roll() * 2 ** 32);
    bus.inject({ record, previousTag } satisfies LogEvent<Note>);
  }

  function retain(): void {
    const logId = dice.pick(logIds);
    const old = set.olderThan(logId, scheduler.now() - RETENTION_MS);
    const through = Math.min(old, history.newest(logId) - 1);
    if (through < history.first(logId)) return;
    counts.retentions += 1;
    history.note(`retention takes ${logId} up to ${through}`);
    const half = Math.floor((through + history.first(logId)) / 2);
    const epoch = world.epoch();
    // The rise must be durable before anything is removed: a step-down may undo it.
    void set.raiseFirst(logId, through + 1).then((durable) => {
      for (const [ms, end] of [
        [dice.between(1, 50), half],
        [dice.between(50, 400), through],
      ] as const) {
        scheduler.after(ms, () => {
          if (durable && epoch === world.epoch()) set.remove(logId, end);
        });
      }
    });
  }

  function restore(): void {
    counts.restores += 1;
    history.note('a backup is restored');
    world.restore(backup);
    for (let count = 0; count < 3; count += 1) scheduler.after(dice.between(10, 200), () => world.start());
  }

  return {
    counts,
    start(): void {
      store.faults.loss = weather.loss;
      store.faults.lateInsert = weather.lateInsert;
      store.faults.repeated = weather.repeated;
      store.faults.deposedRead = weather.deposedRead;
      bus.faults.loss = weather.busLoss;
      bus.faults.doubled = 0.03;
      bus.faults.late = 0.05;
      world.faults.lostAnswer = weather.lostAnswer;
      set.lag.high = weather.lagMs;
      often(weather.crash, crash);
      often(weather.drain, drain);
      often(weather.freeze, freeze);
      often(weather.stepDown, stepDown);
      often(weather.storeHang, hangStore);
      often(weather.busHang, hangBus);
      often(weather.busPartition, partitionBus);
      // Who sleeps and then has its clock set back cannot know for how long it slept.
      if (dice.happens(0.5)) often(weather.sleep, sleep);
      else often(weather.setClock, () => some()?.setClock(dice.between(-600_000, 600_000)));
      often(weather.poison, poison);
      often(weather.move, () => dice.pick(subscribers).move());
      often(weather.stall, () => dice.pick(subscribers).stall(dice.between(20, 3000)));
      often(weather.retention, retain);
      often(weather.restore, restore);
      often(weather.restore * 2, () => (backup = set.backup()));
      often(weather.page, () => void readSomePage(world, dice.pick(logIds)));
      often(weather.page / 2, () => void readSomeRecords(world, dice.pick(logIds)));
    },
    stop({ deadBus }: { readonly deadBus: boolean }): void {
      stopped = true;
      store.faults.loss = 0;
      store.faults.lateInsert = 0;
      store.faults.repeated = 0;
      store.faults.hung = false;
      world.faults.lostAnswer = 0;
      for (const rejoin of rejoins) rejoin();
      if (deadBus) bus.hang();
      else if (bus.hung()) bus.recover();
      if (!deadBus) bus.faults.loss = 0;
      for (const instance of world.instances()) instance.freeze(0);
      for (const subscriber of subscribers) subscriber.settle();
      history.note(deadBus ? 'all is well but the bus, which is dead' : 'all is well');
    },
  };
}
