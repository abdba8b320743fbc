import { Redis } from 'ioredis';
import { expect, vi } from 'vitest';
import { startRedis, type RedisServer } from './services/index.js';

const HASH_SLOTS = 16_384;
const WAIT = { timeout: 60_000, interval: 20 };
const ARGS = [
  ...['--cluster-enabled', 'yes', '--cluster-announce-ip', '127.0.0.1', '--cluster-node-timeout', '2000'],
  ...['--repl-diskless-sync-delay', '0'],
];

/** A Redis Cluster of our own: masters that share the slots, and one replica of the master that holds a key. */
export interface RedisCluster {
  /** For `REDIS_URL`: the masters as seeds. */
  readonly urls: readonly string[];
  /** The master that held `key` at the start. */
  readonly holder: RedisServer;
  /** Its replica; null when none was asked for. */
  readonly replica: RedisServer | null;
  /** Resolves when the replica has taken over. */
  promoted(): Promise<void>;
  close(): Promise<void>;
}

const HOST = '127.0.0.1';

export async function startRedisCluster(options: {
  readonly masters: number;
  /** Whether the master of `key` has a replica. */
  readonly replica?: boolean;
  readonly key: string;
}): Promise<RedisCluster> {
  const count = options.masters + (options.replica === true ? 1 : 0);
  const nodes = await Promise.all(Array.from({ length: count }, () => startRedis({ args: ARGS })));
  const admins = nodes.map(({ url }) => new Redis(url, { retryStrategy: () => null }));
  for (const admin of admins) admin.on('error', () => undefined);
  const masters = admins.slice(0, options.masters);
  const share = Math.ceil(HASH_SLOTS / options.masters);
  for (const [index, admin] of masters.entries()) {
    await admin.cluster('ADDSLOTSRANGE', index * share, Math.min((index + 1) * share, HASH_SLOTS) - 1);
    await admin.call('CLUSTER', 'SET-CONFIG-EPOCH', String(index + 1));
  }
  const [first] = admins;
  if (first === undefined) throw new Error('a cluster has a master');
  for (const { port } of nodes.slice(1)) await first.call('CLUSTER', 'MEET', HOST, String(port));
  const state = new RegExp(`cluster_state:ok[^]*cluster_known_nodes:${count}`);
  for (const admin of admins) {
    await vi.waitFor(async () => expect(await admin.cluster('INFO')).toMatch(state), WAIT);
  }
  const place = Math.floor((await first.cluster('KEYSLOT', options.key)) / share);
  const [holder, keeper] = [nodes[place], admins[place]];
  const [replica, follower] = options.replica === true ? [nodes.at(-1), admins.at(-1)] : [];
  if (holder === undefined || keeper === undefined) throw new Error('a slot that nobody holds');
  if (follower !== undefined) {
    const id = await keeper.cluster('MYID');
    await vi.waitFor(() => follower.call('CLUSTER', 'REPLICATE', id), WAIT);
    await vi.waitFor(
      async () => expect(await follower.info('replication')).toMatch(/master_link_status:up/),
      WAIT,
    );
  }
  return {
    urls: nodes.slice(0, options.masters).map(({ url }) => url),
    holder,
    replica: replica ?? null,
    async promoted() {
      await vi.waitFor(async () => {
        expect(await follower?.info('replication')).toMatch(/role:master/);
        expect(await follower?.cluster('INFO')).toMatch(/cluster_state:ok/);
      }, WAIT);
    },
    async close() {
      for (const admin of admins) admin.disconnect();
      await Promise.all(nodes.map((node) => node.close()));
    },
  };
}
