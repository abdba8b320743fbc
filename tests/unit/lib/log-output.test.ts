import { Writable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { createLogOutput } from '../../../src/lib/log-output.js';

const LINE = `${'x'.repeat(1023)}\n`;
const MANY = 3000;

/** An end that reads nothing until it is told to. */
function slowReader() {
  const read: string[] = [];
  const waiting: (() => void)[] = [];
  let isReading = false;
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      read.push(chunk.toString());
      if (isReading) done();
      else waiting.push(done);
    },
  });
  return {
    stream,
    read,
    wake() {
      isReading = true;
      for (const done of waiting.splice(0)) done();
    },
  };
}

describe('createLogOutput', () => {
  it('keeps a megabyte for a reader that stands still, and says how many lines it lost once it reads again', async () => {
    const { stream, read, wake } = slowReader();
    const lost: number[] = [];
    const output = createLogOutput(stream, (lines) => lost.push(lines));
    for (let written = 0; written < MANY; written += 1) output.write(LINE);
    expect(stream.writableLength).toBeLessThan(1.1 * 1_048_576);
    expect(lost).toEqual([]);
    const drained = new Promise((resolve) => stream.once('drain', resolve));
    wake();
    await drained;
    expect(read.length + (lost[0] ?? 0)).toBe(MANY);
    expect(read.length).toBeGreaterThan(1000);
    output.write(LINE);
    expect(read).toHaveLength(MANY - (lost[0] ?? 0) + 1);
    expect(lost).toHaveLength(1);
  });

  it('says nothing of lines when none was lost', async () => {
    const { stream, wake } = slowReader();
    const output = createLogOutput(stream, () => expect.fail('no line was lost'));
    for (let written = 0; written < 100; written += 1) output.write(LINE);
    const drained = new Promise((resolve) => stream.once('drain', resolve));
    wake();
    await drained;
  });

  it('goes on without a reader that has left', async () => {
    const { stream, read } = slowReader();
    const output = createLogOutput(stream, () => expect.fail('nobody reads it any more'));
    const closed = new Promise((resolve) => stream.once('close', resolve));
    stream.destroy(new Error('write EPIPE'));
    await closed;
    output.write(LINE);
    expect(read).toEqual([]);
  });
});
