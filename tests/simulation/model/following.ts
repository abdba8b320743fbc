import { GraphQLError } from 'graphql';
import type { createGroup } from '../../../src/graphql/shared/group.js';
import { createPump } from '../../../src/graphql/shared/pump.js';
import type { Sink } from '../../../src/graphql/shared/sink.js';
import type { LogDelivery } from '../../../src/log/log.js';
import type { Note } from '../../testkit/log/log-world.js';
import { codeOf } from './code-of.js';
import type { Dice } from './dice.js';
import type { Instance } from './instance.js';
import type { History } from './history.js';
import type { Scheduler } from './scheduler.js';

export type CreateGroup = typeof createGroup<number>;

/** The client's end of a subscription. */
export interface ClientEnd {
  readonly name: string;
  /** The connection is there, and nobody left. */
  isOn(): boolean;
  isStalled(): boolean;
  /** `mayJump`: the subscriber has just come, or its connection has just drained. */
  receive(delivery: LogDelivery<Note>, mayJump: boolean): void;
}

/** A subscription at one instance: asked where to begin, then run. Given back with `leave`, whatever came of it. */
export interface Following {
  begin(after: string | null, signal: AbortSignal): Promise<number>;
  run(position: number, client: ClientEnd): void;
  /** The client reads again. */
  drained(): void;
  leave(): void;
}

/** What a subscription takes of its world. */
interface Surroundings {
  readonly scheduler: Scheduler;
  readonly dice: Dice;
  readonly history: History;
}

/** A subscriber that reads the source by itself. */
export function followAlone(world: Surroundings, instance: Instance, logId: string): Following {
  const { scheduler, dice, history } = world;
  const source = instance.log.follow(logId);
  let wake = (): void => undefined;
  let mayJump = true;

  function run(start: number, client: ClientEnd): void {
    let position = start;
    let replayed = true;
    let reading = false;
    let again = false;
    const reads = (): boolean => client.isOn() && !client.isStalled();

    async function drain(): Promise<void> {
      while (reads()) {
        const answer = source.read(position, { limit: dice.whole(1, 20), replayed, mayJump });
        const events = 'then' in answer ? await answer : answer;
        if (!client.isOn()) return;
        for (const { event, position: reached } of events) {
          client.receive(event, mayJump);
          mayJump = false;
          position = reached;
        }
        mayJump = false;
        if (events.length === 0) break;
      }
      replayed = false;
    }

    async function readOn(): Promise<void> {
      again = true;
      if (reading) return;
      reading = true;
      while (again && reads()) {
        again = false;
        try {
          await drain();
        } catch (error) {
          if (codeOf(error) !== 'UNAVAILABLE') history.violate('read', `${client.name}: ${String(error)}`);
          again = true;
          await new Promise<void>((resolve) => {
            scheduler.after(50, () => instance.enter(resolve));
          });
        }
      }
      reading = false;
    }

    wake = () => void readOn();
    source.onAdvance(wake);
    wake();
  }

  return {
    begin: (after, signal) => source.begin(after, signal),
    run,
    drained() {
      mayJump = true;
      wake();
    },
    leave: () => source.close(),
  };
}

interface Shared {
  readonly group: ReturnType<CreateGroup>;
  members: number;
}

/** Groups of one world: one for each log and instance, for as long as it has members. */
export function createSharing(makeGroup: CreateGroup) {
  const groups = new WeakMap<Instance, Map<string, Shared>>();

  function open(world: Surroundings, instance: Instance, logId: string): Shared {
    const { scheduler, dice } = world;
    const known = groups.get(instance) ?? new Map<string, Shared>();
    groups.set(instance, known);
    let shared = known.get(logId);
    if (shared === undefined) {
      const group = makeGroup({
        source: instance.log.follow(logId),
        async execute(event) {
          if (dice.happens(0.3)) await new Promise<void>((resolve) => void instance.clock.after(3, resolve));
          return { data: { event } };
        },
        onFirstSent: () => undefined,
        nextShare: () => null,
        toClientError: (error) => new GraphQLError(String(error)),
        pump: createPump((callback) => void scheduler.after(0, () => instance.enter(callback))),
        clock: instance.clock,
      });
      shared = { group, members: 0 };
      known.set(logId, shared);
    }
    shared.members += 1;
    return shared;
  }

  /** A subscriber in the group of its log: one execution for all of them. */
  return function followShared(world: Surroundings, instance: Instance, logId: string): Following {
    const shared = open(world, instance, logId);
    let drain: (() => void)[] = [];
    let end = (): void => undefined;
    let mayJump = true;
    let left = false;

    const sinkOf = (client: ClientEnd): Sink => ({
      overhead: 10,
      outlet: {
        writable: () => !client.isStalled(),
        deliver(_sink, payloads) {
          if (!client.isOn()) return;
          for (const { text } of payloads) {
            const { data }: { data: { event: LogDelivery<Note> } } = JSON.parse(text);
            client.receive(data.event, mayJump);
            mayJump = false;
          }
        },
        onceWritable: (_sink, listener) => void drain.push(listener),
        fail: (_sink, error) => world.history.violate('read', `${client.name}: ${error.message}`),
      },
    });

    return {
      begin: (after, signal) => shared.group.begin(after, signal),
      run(position, client) {
        const member = shared.group.join(sinkOf(client), position, { leave: () => undefined });
        end = () => shared.group.leave(member);
      },
      drained() {
        mayJump = true;
        const listeners = drain;
        drain = [];
        for (const listener of listeners) listener();
      },
      leave() {
        if (left) return;
        left = true;
        end();
        shared.members -= 1;
        if (shared.members > 0) return;
        groups.get(instance)?.delete(logId);
        shared.group.close();
      },
    };
  };
}
