import { foundation, type Foundation, type TestFoundation } from './foundation.js';
import { startServerChild, type ServerChild } from './server-child.js';

/** Instances that are one chat. Embedded there is always one. */
export interface Cluster {
  readonly foundation: TestFoundation;
  readonly instances: readonly ServerChild[];
  /** Address of each instance, now. */
  readonly targets: readonly (() => string)[];
  /** Kills them all and removes what they stand on. */
  close(): Promise<void>;
}

export interface ClusterOptions {
  readonly instances?: number;
  readonly env?: Readonly<Record<string, string>>;
  /** Settings for each instance by its place. */
  readonly envOf?: (index: number) => Readonly<Record<string, string>>;
}

export async function startCluster(name: Foundation, options: ClusterOptions = {}): Promise<Cluster> {
  const stand = await foundation(name);
  const count = name === 'embedded' ? 1 : (options.instances ?? 2);
  const instances = await Promise.all(
    Array.from({ length: count }, (_, index) =>
      startServerChild({ env: { ...stand.env, ...options.env, ...options.envOf?.(index) } }),
    ),
  );
  return {
    foundation: stand,
    instances,
    targets: instances.map((instance) => () => instance.url()),
    async close() {
      await Promise.all(instances.map((instance) => instance.kill()));
      await stand.dispose();
    },
  };
}

/** What no server may ever write. */
export const DISASTER = /unhandled rejection|uncaught exception/i;
