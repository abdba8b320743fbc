/** The bare driver: the same rows in the same table, a transaction each. SYNC=NORMAL loses some in a power cut. */
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { createMessageStoreFor } from './store.js';
import { systemIds } from '../../dist/lib/ids.js';
import { DATABASE_FILE, openConnection } from '../../dist/sqlite/database.js';
import { storedKey } from '../../dist/messages/message.js';
import { ROOMS, SECONDS, TEXT } from './work.js';

const nothing = () => undefined;
const log = { trace: nothing, debug: nothing, info: nothing, warn: nothing, error: console.error };
// Makes the tables.
await (await createMessageStoreFor(process.env.DATA_DIR, log)).stop();
const connection = openConnection(join(process.env.DATA_DIR, DATABASE_FILE));
connection.exec(`PRAGMA synchronous = ${process.env.SYNC}`);
const insert = connection.prepare(
  'INSERT INTO messages (room_id, number, author_id, text, created_at, key, call) VALUES (?, ?, ?, ?, ?, ?, ?)',
);
const rooms = Array.from({ length: ROOMS }, () => randomUUID());
const authorId = randomUUID();
const numbers = new Map();

function store(turn) {
  const roomId = rooms[turn % ROOMS];
  const number = (numbers.get(roomId) ?? 0) + 1;
  numbers.set(roomId, number);
  const call = systemIds.random64();
  connection.exec('BEGIN IMMEDIATE');
  insert.run(roomId, number, authorId, TEXT, Date.now(), storedKey(null, Date.now(), call), call);
  connection.exec('COMMIT');
}

let turn = 0;
function storeFor(ms) {
  const started = performance.now();
  const first = turn;
  while (performance.now() - started < ms) store(turn++);
  return ((turn - first) / (performance.now() - started)) * 1000;
}
storeFor(SECONDS * 250);
console.log(`per second ${storeFor(SECONDS * 1000)}`);
