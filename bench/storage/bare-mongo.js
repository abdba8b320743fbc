/**
 * The bare driver: the messages of one room as ordered inserts of what waits, one after the other, with the same
 * indexes and the same durability. Nobody else writes, so no number is ever taken.
 */
import { randomBytes, randomUUID } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { systemClock } from '../../dist/lib/clock.js';
import { storedKey } from '../../dist/messages/message.js';
import { openMongo } from '../../dist/mongo/mongo.js';
import { SECONDS, TEXT } from './work.js';

const SENDERS = Number(process.env.SENDERS);
const MAX_BATCH = 256;
const nothing = () => undefined;
const log = { trace: nothing, debug: nothing, info: nothing, warn: console.error, error: console.error };
const mongo = await openMongo({
  url: process.env.MONGODB_URL,
  keepVisitsMs: 60_000,
  clock: systemClock,
  log,
  signal: new AbortController().signal,
});
const messages = mongo.db.collection('messages');
const roomId = randomUUID();
const waiting = [];
let head = 0;
let pumping = false;
let going = true;
let ackMs = [];

async function pump() {
  pumping = true;
  while (waiting.length > 0) {
    const batch = waiting.splice(0, MAX_BATCH);
    const documents = batch.map(({ document }, index) => {
      const number = head + 1 + index;
      return { _id: `${roomId}:${number}`, roomId, number, ...document };
    });
    await messages.insertMany(documents, { ordered: true });
    head += batch.length;
    for (const { stored } of batch) stored();
  }
  pumping = false;
}

function send(authorId) {
  const call = randomBytes(8).toString('hex');
  const createdAt = new Date();
  const key = storedKey(null, createdAt.getTime(), call);
  const document = { authorId, text: TEXT, createdAt, key, call };
  return new Promise((stored) => {
    waiting.push({ document, stored });
    if (pumping) return;
    pumping = true;
    setImmediate(() => void pump());
  });
}

async function sender() {
  const authorId = randomUUID();
  while (going) {
    const started = performance.now();
    await send(authorId);
    ackMs.push(performance.now() - started);
  }
}

const senders = Array.from({ length: SENDERS }, sender);
await wait(SECONDS * 250);
ackMs = [];
await wait(SECONDS * 1000);
const sorted = ackMs.toSorted((a, b) => a - b);
const at = (share) => sorted[Math.ceil(sorted.length * share) - 1];
going = false;
await Promise.all(senders);
console.log(`per second ${sorted.length / SECONDS} p50 ${at(0.5)} p99 ${at(0.99)} max ${at(1)}`);
await mongo.stop();
