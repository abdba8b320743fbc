import type { ServerChild } from '../testkit/server-child.js';

/** The sum of a figure over all its labels, or over those that hold `label`, such as `cause="tail"`. */
export type Figures = (name: string, label?: string) => number;

/** What an instance counts of itself, as Prometheus reads it. It must have been started with `METRICS_PORT`. */
export async function readFigures(server: Pick<ServerChild, 'output'>): Promise<Figures> {
  const url = [...server.output().matchAll(/metrics (http:\S+?\/metrics)/g)].at(-1)?.[1];
  if (url === undefined) throw new Error('The instance says nowhere where its figures are.');
  const lines = (await (await fetch(url)).text()).split('\n');
  return (name, label = '') =>
    lines
      .filter((line) => (line.startsWith(`${name} `) || line.startsWith(`${name}{`)) && line.includes(label))
      .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
}

/** A figure of several instances, together. */
export async function sumOf(servers: readonly ServerChild[], name: string, label?: string): Promise<number> {
  const all = await Promise.all(servers.map(readFigures));
  return all.reduce((sum, figures) => sum + figures(name, label), 0);
}

/** How often an instance took to asking the store, how often events arrived again, and which of both it said last. */
export function modesOf(server: ServerChild): Modes {
  const told = [...server.output().matchAll(/"mode":"(polling|push)"/g)].map(([, mode]) => mode);
  const count = (mode: string): number => told.filter((one) => one === mode).length;
  return { polling: count('polling'), push: count('push'), now: told.at(-1) };
}

interface Modes {
  readonly polling: number;
  readonly push: number;
  readonly now: string | undefined;
}
