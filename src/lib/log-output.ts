import type { Writable } from 'node:stream';

/** So much may wait for a reader, in bytes: about four thousand lines. */
const MAX_UNREAD_BYTES = 1_048_576;

/**
 * Where the lines of a log go. Writing never waits and never throws: what the other end does not read in time waits
 * here, and beyond `MAX_UNREAD_BYTES` lines are lost. A log that writes through, as pino does by itself, stops the
 * process while a pipe is full: up to 0.4 s when 2,000 sockets ended at once, and for ever behind a reader that has
 * stopped.
 *
 * @param onLost - hears how many lines were lost, once the rest of them is read.
 */
export function createLogOutput(
  stream: Writable,
  onLost: (lines: number) => void,
): { write(line: string): void } {
  let isGone = false;
  let lost = 0;
  stream.on('error', () => {
    // The reader has left, and no other one can come.
    isGone = true;
  });
  stream.on('drain', () => {
    if (lost === 0) return;
    const lines = lost;
    lost = 0;
    onLost(lines);
  });
  return {
    write(line) {
      if (isGone) return;
      if (stream.writableLength > MAX_UNREAD_BYTES) lost += 1;
      else stream.write(line);
    },
  };
}
