import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, it } from 'vitest';
import { createLineElements } from '../../../client/src/room/line-elements.js';
import { timeOf } from '../../../client/src/room/listed.js';
import { message } from './message.js';

const AROUND = {
  names: new Map<string, string>(),
  viewer: null,
  zone: 'UTC',
  edge: null,
  unreadBegins: false,
  quiet: false,
};

/** Collects what nothing holds any more. */
function collectGarbage(): void {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  collect();
}

it('gives a line the same element until something that it shows changes', () => {
  const elementOf = createLineElements();
  const item = message(1);
  const before = elementOf(item, { ...AROUND, timeBefore: null });
  expect(elementOf(item, { ...AROUND, timeBefore: null })).toBe(before);
  expect(elementOf(item, { ...AROUND, timeBefore: null, quiet: true })).not.toBe(before);
  expect(elementOf(item, { ...AROUND, timeBefore: null, zone: 'Asia/Seoul' })).not.toBe(before);
});

/** The oldest of many lines made one after the other, weakly; and the newest. */
function makeLines(elementOf: ReturnType<typeof createLineElements>) {
  const oldest = message(1);
  let newest = oldest;
  for (let number = 2; number <= 500; number += 1) {
    const timeBefore = timeOf(newest);
    newest = message(number);
    elementOf(newest, { ...AROUND, timeBefore });
  }
  return { oldest: new WeakRef(oldest), newest };
}

it('keeps nothing of the messages that a room followed for long has let go', async () => {
  const elementOf = createLineElements();
  const { oldest, newest } = makeLines(elementOf);
  const isKept = () => {
    collectGarbage();
    return oldest.deref() !== undefined;
  };
  await expect.poll(isKept, { timeout: 20_000 }).toBe(false);
  expect(elementOf(newest, { ...AROUND, timeBefore: null })).toBeDefined();
});
