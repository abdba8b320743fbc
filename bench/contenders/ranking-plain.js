/**
 * The list of rooms as one writes it first: a sorted set of visitors for each room in Redis, counted for every
 * room at every request.
 */
import { createServer } from 'node:http';
import { readFileSync } from 'node:fs';
import { Redis } from 'ioredis';
import { announce } from './lib/announce.js';

const WINDOW_MS = 1_800_000;
const PAGE = 50;
const redis = new Redis(process.env.REDIS_SOCKET);
const rooms = readFileSync(process.env.ROOMS_FILE, 'utf8')
  .split('\n')
  .filter((id) => id !== '');
const visits = redis.pipeline();
for (const [index, room] of rooms.entries()) {
  for (let visitor = 0; visitor < index % 5; visitor += 1) {
    visits.zadd(`visits:${room}`, Date.now(), `visitor-${visitor}`);
  }
}
await visits.exec();

async function list() {
  const counting = redis.pipeline();
  const since = Date.now() - WINDOW_MS;
  for (const room of rooms) counting.zcount(`visits:${room}`, since, '+inf');
  const counts = await counting.exec();
  return rooms
    .map((id, index) => ({ id, recentVisitorCount: counts[index][1] }))
    .sort((a, b) => b.recentVisitorCount - a.recentVisitorCount || (a.id < b.id ? -1 : 1))
    .slice(0, PAGE);
}

announce(
  createServer((request, response) => {
    request.resume();
    request.on('end', () => {
      void list().then((nodes) => {
        const text = JSON.stringify({ data: { rooms: { nodes } } });
        response.writeHead(200, { 'content-length': Buffer.byteLength(text) });
        response.end(text);
      });
    });
  }),
);
