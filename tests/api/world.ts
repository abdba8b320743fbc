import { afterAll, beforeAll } from 'vitest';
import { type Foundation, foundation, type TestFoundation } from '../testkit/foundation.js';
import { type ServerChild, startServerChild } from '../testkit/server-child.js';

export const FOUNDATIONS: readonly Foundation[] = ['embedded', 'distributed'];

/** One running server for the tests of a `describe`, as a user would run it. */
export function useServer(name: Foundation, env: Readonly<Record<string, string>> = {}) {
  let ground: TestFoundation | undefined;
  let server: ServerChild | undefined;
  beforeAll(async () => {
    ground = await foundation(name);
    server = await startServerChild({ env: { ...ground.env, RANKING_INTERVAL_MS: '100', ...env } });
  });
  afterAll(async () => {
    await server?.stop('SIGINT');
    await ground?.dispose();
  });
  return {
    get url(): string {
      return server?.url() ?? '';
    },
    get output(): string {
      return server?.output() ?? '';
    },
    get pid(): number {
      return server?.pid() ?? 0;
    },
  };
}

/** Resolves when `probe` gives something that `holds`, asking again and again for at most 30 s. */
export async function eventually<Value>(
  probe: () => Promise<Value> | Value,
  holds: (value: Value) => boolean,
): Promise<Value> {
  const deadline = Date.now() + 30_000;
  for (;;) {
    const value = await probe();
    if (holds(value)) return value;
    if (Date.now() > deadline) throw new Error(`Never came true; the last was ${JSON.stringify(value)}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
