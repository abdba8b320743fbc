import type { Environment } from './environment.js';

/** Runs a task when no other page that shares the storage runs one; resolves when it is over. */
export type Exclusive = (task: () => Promise<void>) => Promise<unknown>;

/** By the browser's locks under this name. Where there are none, every task runs at once. */
export function browserExclusive(navigator: Partial<Pick<Navigator, 'locks'>>, name: string): Exclusive {
  return (task) => navigator.locks?.request(name, task) ?? task();
}

/** Nobody waits longer than this, in milliseconds: a page that is asleep may hold the turn. */
const LONGEST_TURN_MS = 2000;

/** Waits for one's turn; the function it resolves to ends that turn, as often as one likes. */
export function takeTurn(exclusive: Exclusive, environment: Environment): Promise<() => void> {
  const over = new AbortController();
  const end = () => over.abort();
  return new Promise((resolve) => {
    const cancel = environment.after(LONGEST_TURN_MS, () => {
      end();
      resolve(end);
    });
    const turn = () =>
      new Promise<void>((done) => {
        cancel();
        if (over.signal.aborted) done();
        else over.signal.addEventListener('abort', () => done());
        resolve(end);
      });
    exclusive(turn).catch(() => resolve(end));
  });
}
