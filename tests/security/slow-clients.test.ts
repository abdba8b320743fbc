import { connect, type Socket } from 'node:net';
import { describe, expect, it } from 'vitest';
import { useServer } from '../api/world.ts';
import { scaled } from './support/scale.ts';
import { percentile, report } from './support/table.ts';

const CLIENTS = scaled(100, 500);
const DRIP_MS = 500;

let tried = 0;
const probes: number[] = [];
report('S7', () => ({
  tried,
  of: 'slow clients',
  result: `all ended; every probe answered, p99 ${percentile(probes, 0.99).toFixed(0)} ms`,
}));

/** A client that sends `start`, then `drop` again and again; resolves with what it was answered when it is ended. */
function slow(url: string, start: string, drop: string | null): Promise<string> {
  return new Promise((resolve) => {
    const socket: Socket = connect(Number(new URL(url).port), '127.0.0.1', () => socket.write(start));
    let answer = '';
    const timer = setInterval(() => drop !== null && socket.writable && socket.write(drop), DRIP_MS);
    socket.on('data', (chunk: Buffer) => (answer += chunk.toString('latin1')));
    socket.on('error', () => undefined);
    socket.once('close', () => {
      clearInterval(timer);
      resolve(answer);
    });
  });
}

describe('S7 clients that are slow on purpose', () => {
  const server = useServer('embedded');

  async function whileProbed<Value>(run: Promise<Value>): Promise<Value> {
    let going = true;
    const probing = (async () => {
      while (going) {
        const started = performance.now();
        const response = await fetch(`${server.url}/livez`);
        await response.arrayBuffer();
        expect(response.status).toBe(200);
        probes.push(performance.now() - started);
        await new Promise((resolve) => setTimeout(resolve, 200));
      }
    })();
    const value = await run;
    going = false;
    await probing;
    return value;
  }

  const POST = 'POST /graphql HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n';
  it.each<[string, string, string | null]>([
    ['headers that drip', 'GET /livez HTTP/1.1\r\nHost: x\r\n', 'X-A: b\r\n'],
    ['headers that stop', 'GET /livez HTTP/1.1\r\nHost:', null],
    ['a body that drips', `${POST}Content-Length: 60000\r\n\r\n{`, ' '],
    ['a chunked body that drips', `${POST}Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n`, '1\r\n \r\n'],
    [
      'an upgrade that stops',
      'GET /graphql HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n',
      null,
    ],
  ])('%s: 408 or a cut, and nobody else waits', async (_name, start, drop) => {
    const count = Math.ceil(CLIENTS / 5);
    const answers = await whileProbed(
      Promise.all(Array.from({ length: count }, () => slow(server.url, start, drop))),
    );
    expect(answers.filter((answer) => answer !== '' && !answer.startsWith('HTTP/1.1 408'))).toEqual([]);
    tried += count;
  });
});
