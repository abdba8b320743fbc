import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { LoadOptions } from './load.js';

const SOURCES = fileURLToPath(new URL('../contenders/centrifuge/', import.meta.url));
const PROGRAM = join(SOURCES, 'build', 'centrifuge');

/** How the load client speaks Centrifuge's JSON protocol: commands, replies and pushes, a line each. */
export const CENTRIFUGE: LoadOptions = {
  path: '/connection/websocket',
  protocol: 'centrifuge-json',
  'by-lines': 1,
  init: '{"id":1,"connect":{}}',
  ack: '"connect":',
  subscription: '{"id":2,"subscribe":{"channel":"%R"}}',
  agreed: '"subscribe":{}',
  sending: '{"id":3,"publish":{"channel":"%R","data":{"text":"%T"}}}',
  receipt: '"publish":{}',
  ping: '{}',
  pong: '{}',
  marker: '"push"',
  // A push names its channel and no subscription.
  'check-ids': 0,
  'check-rooms': 1,
};

/**
 * Builds the peer that is written in Go. A first build fetches its modules and takes a minute.
 *
 * @returns the program, or undefined where there is no Go.
 * @throws Error with the compiler's words when it cannot be built.
 */
export function buildCentrifuge(): string | undefined {
  const built = spawnSync('go', ['build', '-o', PROGRAM, '.'], { cwd: SOURCES, encoding: 'utf8' });
  if (built.error !== undefined) return undefined;
  if (built.status !== 0) throw new Error(built.stderr);
  return PROGRAM;
}
