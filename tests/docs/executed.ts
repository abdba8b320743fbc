import { relative, resolve } from 'node:path';
import { WebSocket } from 'ws';
import type { ServerChild } from '../testkit/server-child.js';

/** Settings of a server that tells which of its files ran. */
export const INSPECTED = { NODE_OPTIONS: '--inspect=127.0.0.1:0' };

interface ScriptCoverage {
  readonly url: string;
  readonly functions: readonly {
    readonly functionName: string;
    readonly ranges: readonly [{ count: number }];
  }[];
}

/** Tells which source files of a server, started with `INSPECTED`, ran. Its worker thread is not seen. */
export async function watchExecuted(server: ServerChild) {
  const [, address = ''] = /listening on (ws:\S+)/.exec(server.output()) ?? [];
  const socket = new WebSocket(address);
  await new Promise((open, fail) => socket.once('open', open).once('error', fail));
  let sent = 0;
  function call<Result>(method: string, params: object = {}): Promise<Result> {
    sent += 1;
    const id = sent;
    return new Promise((answered) => {
      const listen = (data: Buffer): void => {
        const message = JSON.parse(data.toString()) as { id?: number; result: Result };
        if (message.id !== id) return;
        socket.off('message', listen);
        answered(message.result);
      };
      socket.on('message', listen);
      socket.send(JSON.stringify({ id, method, params }));
    });
  }
  await call('Profiler.enable');
  await call('Profiler.startPreciseCoverage', { callCount: true, detailed: false });

  /** Files of which a function was called since the last time. */
  async function taken(): Promise<ReadonlySet<string>> {
    const { result } = await call<{ result: readonly ScriptCoverage[] }>('Profiler.takePreciseCoverage');
    const ran = result
      .filter(({ url }) => url.startsWith('file:') && !url.includes('node_modules'))
      .filter(({ functions }) => functions.some(({ ranges: [{ count }] }) => count > 0))
      .map(({ url }) => relative(resolve('dist'), new URL(url).pathname).replace(/\.js$/, '.ts'));
    return new Set(ran.map((path) => `src/${path}`));
  }

  return {
    /** Files that ran while `work` did. */
    async during(work: () => Promise<unknown>): Promise<ReadonlySet<string>> {
      await taken();
      await work();
      return taken();
    },
    close: () => socket.close(),
  };
}
