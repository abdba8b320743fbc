/**
 * `node --import ./bench/contenders/injected.js dist/main.js`: Madang that also takes messages as lines, for one
 * benchmark alone. Such a message goes the way of one that `sendMessage` has accepted, through the writer, the feed
 * and the bus of its room, but for the store: that says at once that it has it.
 */
import { register } from 'node:module';
import { isMainThread } from 'node:worker_threads';
import { changed } from './lib/changed.js';
import { takeLines } from './lib/take-lines.js';

const HOOK = 'madang benchmark';
const KEY = 'b:';

/** A hook of Node's loader. */
export const load = changed({
  'services.js': [["opened.add('logs',", `globalThis['${HOOK}'].log = roomLog;\n    opened.add('logs',`]],
  'messages/message-store.sqlite.js': [
    [
      'async append(batch, _session, signal) {',
      `async append(batch, _session, signal) {
            if (batch[0].key.startsWith('${KEY}')) return { outcome: 'landed', landed: batch.length };
            globalThis['${HOOK}'].authorId = batch[0].authorId;`,
    ],
  ],
});

// The hooks run in a thread of their own, which loads this file too; so does the thread that writes.
if (isMainThread) {
  register(import.meta.url);
  const hook = (globalThis[HOOK] = { log: null, authorId: '' });
  const { signal } = new AbortController();
  const logIds = new Map();
  const logIdOf = (roomId) => {
    if (!logIds.has(roomId))
      logIds.set(roomId, Buffer.from(roomId, 'base64url').toString().slice('Room:'.length));
    return logIds.get(roomId);
  };
  let calls = 0;
  takeLines((roomId, text) => {
    calls += 1;
    const call = calls.toString(16).padStart(16, '0');
    const logId = logIdOf(roomId);
    const message = { logId, authorId: hook.authorId, key: KEY + call, call, text, createdAt: new Date() };
    void hook.log.append(logId, message, signal);
  });
}
