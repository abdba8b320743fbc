import { expect } from 'vitest';
import { DISASTER, startCluster, type Cluster } from '../testkit/cluster.js';
import {
  expectFlawless,
  startConversation,
  type Conversation,
  type Outcome,
} from '../testkit/faults/conversation.js';
import { figuresOf, report } from './scenario.js';

/** The load of R1, which most scenarios hold. */
const BASE_LOAD = { rooms: 20, followers: 200, senders: 50, perSecond: 200 };

export interface Stage extends Cluster {
  readonly conversation: Conversation;
  /** Ends the conversation, prints its line, and fails when anything was lost, doubled, unordered or crashed. */
  finish(scenario: string, what: string): Promise<Outcome>;
  close(): Promise<void>;
}

/** Three instances and a conversation of many, going on. */
export async function setStage(env: Readonly<Record<string, string>> = {}): Promise<Stage> {
  const cluster = await startCluster('distributed', { instances: 3, env });
  const conversation = await startConversation({ targets: cluster.targets, ...BASE_LOAD });
  return {
    ...cluster,
    conversation,
    async finish(scenario, what) {
      const outcome = await conversation.finish();
      const { rooms, followers, perSecond } = BASE_LOAD;
      report({
        scenario,
        load: `3 instances, ${rooms} rooms, ${followers} clients, ${perSecond} msg/s wanted, ${what}`,
        exits: cluster.instances.filter((instance) => !instance.isRunning()).length,
        ...figuresOf(outcome),
      });
      expectFlawless(outcome, conversation.history);
      for (const instance of cluster.instances) expect(instance.output()).not.toMatch(DISASTER);
      return outcome;
    },
  };
}
