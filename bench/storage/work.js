import { setTimeout as wait } from 'node:timers/promises';

export const ROOMS = 100;
export const TEXT =
  'a message of about one hundred bytes, which is what people write to each other on most days..';
export const SECONDS = Number(process.env.SECONDS ?? 4);

/** Prints how fast a counter grows, after a quarter of the time to warm up. */
export async function perSecond(count, seconds) {
  await wait(seconds * 250);
  const [before, started] = [count(), performance.now()];
  await wait(seconds * 1000);
  console.log(`per second ${((count() - before) / (performance.now() - started)) * 1000}`);
}
