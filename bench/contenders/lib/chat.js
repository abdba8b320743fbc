/**
 * What every contender does with a message: gives it the next number of its room and stores it in the same
 * database, through the same driver, the same thread and the same group commit as Madang does, before anybody
 * is told. What differs between contenders is what stands between that and the clients.
 */
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { storedKey } from '../../../dist/messages/message.js';
import { openSqlite } from '../../../dist/sqlite/sqlite.js';

const APPEND = `
  INSERT INTO messages (room_id, number, author_id, text, created_at, key, call) VALUES (?, ?, ?, ?, ?, ?, ?)`;
/** No contender but Madang pays for a deadline per request. */
const NEVER = new AbortController().signal;

const silent = { trace() {}, debug() {}, info() {}, warn() {}, error: console.error };

export async function openChat() {
  const sqlite = await openSqlite({ dataDir: process.env.DATA_DIR, log: silent });
  const rooms = new Map(
    readFileSync(process.env.ROOMS_FILE, 'utf8')
      .split('\n')
      .filter((id) => id !== '')
      .map((id) => [id, { id, head: 0 }]),
  );
  const author = {
    id: Buffer.from(`Visitor:${randomUUID()}`).toString('base64url'),
    displayName: 'Quiet Heron 42',
  };

  function nextOf(roomId) {
    const room = rooms.get(roomId);
    if (room === undefined) throw new Error('There is no such room.');
    room.head += 1;
    return room.head;
  }

  function message(roomId, number, text, createdAt) {
    const id = Buffer.from(`Message:${roomId}:${number}`).toString('base64url');
    return { id, text, createdAt: createdAt.toISOString(), author };
  }

  return {
    hasRoom: (roomId) => rooms.has(roomId),
    /** The next message of a room. Nothing is stored. */
    make: (roomId, text) => message(roomId, nextOf(roomId), text, new Date()),
    /** Resolves with the message when it is durable. */
    async send(roomId, text) {
      const number = nextOf(roomId);
      const createdAt = new Date();
      const call = randomUUID();
      const key = storedKey(null, createdAt.getTime(), call);
      const row = [roomId, number, author.id, text, createdAt.getTime(), key, call];
      await sqlite.write({ sql: APPEND, rows: [row] }, NEVER);
      return message(roomId, number, text, createdAt);
    },
  };
}
