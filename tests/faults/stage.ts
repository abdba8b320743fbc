import { expect } from 'vitest';
import { DISASTER, startCluster, type Cluster } from '../testkit/cluster.js';
import type { CheckOptions } from '../testkit/faults/checker.js';
import {
  expectFlawless,
  startConversation,
  type Conversation,
  type Outcome,
} from '../testkit/faults/conversation.js';
import { exitsOf, figuresOf, IN_TIME, partOf, report } from './scenario.js';

/** The load of R1, which most scenarios hold. */
const BASE_LOAD = { rooms: 20, followers: 200, senders: 50, perSecond: 200, padding: 0 };

export interface StageOptions {
  /** Three, unless said otherwise. */
  readonly instances?: number;
  readonly env?: Readonly<Record<string, string>>;
  /** Settings for each instance by its place. */
  readonly envOf?: (index: number) => Readonly<Record<string, string>>;
  /** What differs from the load of R1. */
  readonly load?: Partial<typeof BASE_LOAD>;
  /** Where clients connect, when it is not the instances themselves. */
  readonly targetsOf?: (cluster: Cluster) => Promise<readonly (() => string)[]>;
}

export interface Stage extends Cluster {
  readonly conversation: Conversation;
  /**
   * Ends the conversation, prints its line (`notes` may add to it), and fails when anything was lost, doubled,
   * unordered, late (H7, `IN_TIME` unless `checks` say otherwise) or crashed.
   */
  finish(scenario: string, what: string, more?: StageEnd): Promise<Outcome>;
  close(): Promise<void>;
}

export interface StageEnd {
  readonly checks?: CheckOptions;
  readonly notes?: (outcome: Outcome) => string | Promise<string>;
}

/** Some instances and a conversation of many, going on. */
export async function setStage(options: StageOptions = {}): Promise<Stage> {
  const cluster = await startCluster('distributed', {
    instances: options.instances ?? 3,
    env: { METRICS_PORT: '0', ...options.env },
    ...(options.envOf === undefined ? {} : { envOf: options.envOf }),
  });
  const wanted = { ...BASE_LOAD, ...options.load };
  const held = {
    rooms: partOf(wanted.rooms),
    followers: partOf(wanted.followers),
    senders: partOf(wanted.senders),
    perSecond: wanted.perSecond === 0 ? 0 : partOf(wanted.perSecond),
    padding: wanted.padding,
  };
  const targets = (await options.targetsOf?.(cluster)) ?? cluster.targets;
  const conversation = await startConversation({ targets, ...held }).catch(async (error: unknown) => {
    await cluster.close();
    throw error;
  });
  return {
    ...cluster,
    conversation,
    async finish(scenario, what, { checks = IN_TIME, notes } = {}) {
      const outcome = await conversation.finish(checks);
      const figures = figuresOf(outcome);
      report({
        scenario,
        load:
          `${cluster.instances.length} instances, ${held.rooms} rooms, ${held.followers} clients, ` +
          `${held.perSecond} msg/s wanted, ${what}`,
        exits: exitsOf(cluster.instances),
        ...figures,
        notes: [figures.notes, ...(notes === undefined ? [] : [await notes(outcome)])].join('; '),
      });
      expectFlawless(outcome, conversation.history);
      expect(exitsOf(cluster.instances)).toBe(0);
      for (const instance of cluster.instances) expect(instance.output()).not.toMatch(DISASTER);
      return outcome;
    },
  };
}
