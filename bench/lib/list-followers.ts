import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { LOAD_CORE } from './machine.js';
import { ask, createVisitor, forEachNumber } from './madang.js';
import { start, type Running } from './processes.js';
import type { Metrics } from './report.js';
import { startOver, type Filled } from './room-list.js';
import type { Size } from './scenario.js';

const FILES = fileURLToPath(new URL('../ranking/', import.meta.url));
const MOVES_PER_SECOND = 50;
const VISITORS = 20;
/** In which the list changes at least twice: it does so once a second. */
const TWO_CHANGES_MS = 2500;
const VISIT = 'mutation($input: VisitRoomInput!) { visitRoom(input: $input) { userErrors { code } } }';

/** What a process says at its next SIGUSR2. */
function asking(running: Running, word: string): () => Promise<Record<string, number>> {
  let asked = 0;
  return async () => {
    asked += 1;
    running.child.kill('SIGUSR2');
    const [, figures = ''] = await running.said(new RegExp(`${word} ${asked} (.*)`));
    return JSON.parse(figures) as Record<string, number>;
  };
}

/** The list moves under the eyes of so many subscribers: how often a change is executed, and what it blocks. */
export async function followed(filled: Filled, subscribers: number, size: Size): Promise<Metrics> {
  const { server, port, url } = await startOver(filled, ['--import', join(FILES, 'watch-server.js')]);
  const env = { PORT: port, COUNT: String(subscribers) };
  const followers = start(LOAD_CORE, process.execPath, [join(FILES, 'follow-rooms.js')], env);
  try {
    await followers.said(/following/);
    const tokens = await forEachNumber(VISITORS, () => createVisitor(url));
    const rooms = readFileSync(filled.roomsFile, 'utf8').trim().split('\n');
    let moves = 0;
    const failures: unknown[] = [];
    const timer = setInterval(() => {
      moves += 1;
      const input = { roomId: rooms[(moves * 7919) % rooms.length] };
      ask(url, VISIT, { input }, tokens[moves % VISITORS]).catch((error: unknown) => failures.push(error));
    }, 1000 / MOVES_PER_SECOND);
    const [ofFollowers, ofServer] = [asking(followers, 'figures'), asking(server, 'watched')];
    try {
      // Those who came in one after the other stand together after two intervals.
      await wait(Math.max(size.ms(4000), TWO_CHANGES_MS));
      await Promise.all([ofFollowers(), ofServer()]);
      const began = performance.now();
      await wait(Math.max(size.ms(6000), TWO_CHANGES_MS));
      const [{ deliveries = 0, changes = 0 }, { executions = 0, blockedP99Ms = 0, blockedMaxMs = 0 }] =
        await Promise.all([ofFollowers(), ofServer()]);
      if (failures.length > 0) throw failures[0];
      return {
        listDeliveriesPerSecond: (deliveries / (performance.now() - began)) * 1000,
        changes,
        executionsPerChange: executions / changes,
        blockedP99Ms,
        blockedMaxMs,
      };
    } finally {
      clearInterval(timer);
    }
  } finally {
    await followers.stop();
    await server.stop();
  }
}
