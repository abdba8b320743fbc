import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import { connect, type Socket } from 'node:net';
import { describe, expect, it, vi } from 'vitest';
import { createUnanswered } from '../../../src/transport/unanswered.ts';
import { listening } from './kit/listening.ts';

const PATIENCE = { timeout: 20_000 };
/** Of which 32 may always wait, and 968 are ahead: there is room for 4,096 such ones. */
const MANY = 1000;

/** A server that answers when it is told to, and what it holds until then. */
async function startServer() {
  const held: ServerResponse[] = [];
  const unanswered = createUnanswered();
  const server = createServer((request, response) => {
    if (unanswered.admits(request, response)) held.push(response);
  });
  const port = await listening(server);

  function ask(times: number): Socket {
    const socket = connect(port, '127.0.0.1', () =>
      socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(times)),
    );
    socket.on('error', () => undefined).resume();
    return socket;
  }

  return {
    held,
    ask,
    async askAndHold(times: number): Promise<Socket> {
      const before = held.length;
      const socket = ask(times);
      await vi.waitFor(() => expect(held.length).toBe(before + times), PATIENCE);
      return socket;
    },
  };
}

describe('requests that wait for their answers', () => {
  it('may be many of one connection, and are answered', async () => {
    const { held, askAndHold } = await startServer();
    const socket = await askAndHold(MANY);
    let answers = 0;
    socket.on('data', (chunk: Buffer) => (answers += chunk.toString().split('HTTP/1.1 200').length - 1));
    for (const response of held) response.end();
    await vi.waitFor(() => expect(answers).toBe(MANY), PATIENCE);
  });

  it('are too many on all connections together: who asks for more is cut, who asks for few is not', async () => {
    const { held, ask, askAndHold } = await startServer();
    const first = await askAndHold(MANY);
    for (let other = 0; other < 3; other += 1) await askAndHold(MANY);
    await once(ask(MANY), 'close');
    const beforeFew = held.length;
    expect(beforeFew).toBeLessThan(5 * MANY);
    await askAndHold(32);

    first.destroy();
    await vi.waitFor(() => expect(held.filter(({ destroyed }) => destroyed)).not.toHaveLength(0), PATIENCE);
    await askAndHold(MANY);
  });

  it('count for nothing where they are few: however many such connections there are, they take and make no room', async () => {
    const { held, ask, askAndHold } = await startServer();
    for (let some = 0; some < 140; some += 1) ask(30);
    for (let one = 0; one < 40; one += 1) ask(1);
    await vi.waitFor(() => expect(held).toHaveLength(140 * 30 + 40), PATIENCE);
    for (let other = 0; other < 4; other += 1) await askAndHold(MANY);
    await once(ask(MANY), 'close');
    // What is left of the room for all, to the last request.
    await askAndHold(32 + 4096 - 4 * (MANY - 32));
    await askAndHold(32);
    await once(ask(33), 'close');
  });
});
