import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Program, Service } from './programs.js';
import type { ServiceProvider } from './provider.js';

/** Names the address of the run's service desk for the workers. */
export const DESK_VARIABLE = 'MADANG_TEST_DESK';

/**
 * Lends the provider of one process to others: test files run in processes of their own, and all of them share
 * the servers that the run's main process owns.
 */
export async function openDesk(
  provider: ServiceProvider,
): Promise<{ readonly url: string; close(): Promise<void> }> {
  const answers: Readonly<Record<string, () => unknown>> = {
    '/run-name': () => provider.runName,
    '/redis': () => provider.redis(),
    '/mongo': () => provider.mongo(),
    '/entry-point': () => provider.entryPoint(),
    '/program/redis': () => provider.program('redis'),
    '/program/mongo': () => provider.program('mongo'),
    '/program/stepping-mongo': () => provider.program('stepping-mongo'),
    '/program/chromium': () => provider.program('chromium'),
    '/program/nginx': () => provider.program('nginx'),
    '/program/compose': () => provider.program('compose'),
    '/program/faketime': () => provider.program('faketime'),
  };
  const server = createServer((request, response) => {
    void answer(answers[request.url ?? ''], response);
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function answer(question: (() => unknown) | undefined, response: ServerResponse): Promise<void> {
  try {
    if (question === undefined) throw new Error('no such service');
    response.end(JSON.stringify({ value: await question() }));
  } catch (error) {
    response.end(JSON.stringify({ error: error instanceof Error ? error.message : String(error) }));
  }
}

/** The provider behind a desk in another process. */
export function visitDesk(url: string): Omit<ServiceProvider, 'runName' | 'report' | 'close'> & {
  runName(): Promise<string>;
} {
  async function ask<Value>(path: string): Promise<Value> {
    const response = await fetch(`${url}${path}`);
    const { value, error } = (await response.json()) as { value: Value; error?: string };
    if (error !== undefined) throw new Error(error);
    return value;
  }
  return {
    runName: () => ask<string>('/run-name'),
    redis: () => ask<string>('/redis'),
    mongo: () => ask<string>('/mongo'),
    entryPoint: () => ask<string>('/entry-point'),
    program: (service: Service) => ask<Program>(`/program/${service}`),
  };
}
