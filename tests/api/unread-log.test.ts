import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { GENEROUS } from '../testkit/foundation.js';
import { freePort } from '../testkit/free-port.js';
import { createRoom, createVisitor, sendMessage } from '../testkit/seed.js';
import { ownProcess } from '../testkit/services/guardian.js';
import { builtEntryPoint } from '../testkit/services/index.js';
import { openSocket } from '../testkit/socket-client.js';
import { eventually } from './world.js';

/** Each leaves a line; a pipe holds some hundreds of them. */
const SOCKETS = 2_000;
const AT_ONCE = 50;

describe('a server whose log nobody reads', () => {
  it('goes on, and ends in order', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'madang-unread-'));
    onTestFinished(() => rm(folder, { recursive: true, force: true }));
    const port = await freePort();
    const env = { ...GENEROUS, PORT: String(port), DATA_DIR: folder, LOG_FORMAT: 'json' };
    // Nobody listens to `data`, so nothing is read.
    const server = spawn(process.execPath, [await builtEntryPoint()], {
      stdio: ['ignore', 'pipe', 'ignore'],
      env: { PATH: process.env['PATH'], HOME: process.env['HOME'], ...env },
    });
    const disown = ownProcess(server.pid ?? 0);
    const ended = new Promise<number | null>((resolve) => {
      server.once('exit', (code) => {
        disown();
        resolve(code);
      });
    });
    onTestFinished(() => void server.kill('SIGKILL'));
    const url = `http://127.0.0.1:${port}`;
    const isReady = () =>
      fetch(`${url}/readyz`).then(
        ({ status }) => status === 200,
        () => false,
      );
    await eventually(isReady, (ready) => ready);

    for (let opened = 0; opened < SOCKETS; opened += AT_ONCE) {
      await Promise.all(
        Array.from({ length: AT_ONCE }, async () => {
          const socket = await openSocket(url);
          socket.close();
          await socket.closed;
        }),
      );
    }
    const visitor = await createVisitor(url);
    const roomId = await createRoom(url, visitor);
    expect(await sendMessage(url, visitor, { roomId, text: 'still here' })).toMatchObject({ userErrors: [] });

    server.kill('SIGTERM');
    await expect(ended).resolves.toBe(0);
  });
});
