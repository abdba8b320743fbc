import { Cluster } from 'ioredis';
import type { RedisConnection } from '../redis/connection.js';

const POLICY = /^maxmemory_policy:(\S+)/m;

/** What is wrong with this eviction policy, in words that say how to fix it; null: nothing, or it is not known. */
export function evictionProblem(policy: string): string | null {
  if (policy === '' || policy === 'noeviction') return null;
  return (
    `Redis evicts keys when its memory is full (maxmemory-policy ${policy}), which would make visitor counts ` +
    'wrong. Set "maxmemory-policy noeviction" in its configuration, or run: redis-cli CONFIG SET maxmemory-policy noeviction'
  );
}

/**
 * Asks Redis (each master of a cluster) for its eviction policy, to be called before serving: a server must not
 * start on one that forgets. Null when all is well, or when Redis does not answer: it is looked at again each
 * minute.
 */
export async function checkEviction({ commands }: Pick<RedisConnection, 'commands'>): Promise<string | null> {
  const nodes = commands instanceof Cluster ? commands.nodes('master') : [commands];
  const answers = await Promise.all(nodes.map((node) => node.info('memory').catch(() => '')));
  const problems = answers.map((info) => evictionProblem(POLICY.exec(info)?.[1] ?? ''));
  return problems.find((problem) => problem !== null) ?? null;
}
