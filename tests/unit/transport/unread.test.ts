import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { connect, Socket } from 'node:net';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { WebSocket } from 'ws';
import { createConnection, drained } from '../../../src/transport/connection.ts';
import { createUnread } from '../../../src/transport/unread.ts';
import { listening } from './kit/listening.ts';

const PATIENCE = { timeout: 20_000 };
const MB = 1_048_576;
/** Of which 8 MB may be left by one address, and 32 by all together. */
const HEAP = 256 * MB;
/** More than the system takes for a client that does not read. */
const ANSWER = Buffer.alloc(40 * MB, 'x');

/** A server whose answers are as long as their path says beyond what the system takes, from the address in a header. */
async function startServer() {
  const unread = createUnread(HEAP);

  const server = createServer((request, response) => {
    response.end(request.url === '/small' ? 'small' : ANSWER);
    // What the system takes varies: so much is said to be left.
    if (response.writableLength > 0) {
      Object.defineProperty(response, 'writableLength', { value: Number(request.headers['x-left']) * MB });
    }
    unread.look(response, () => String(request.headers['x-from']));
  });

  const port = await listening(server);

  /** Asks for an answer of which so much is left; gives both ends of the connection. */
  async function ask(from: string, left: number, path = '/', times = 1) {
    const accepted = once(server, 'connection');
    const socket = connect(port, '127.0.0.1', () =>
      socket
        .pause()
        .write(`GET ${path} HTTP/1.1\r\nHost: x\r\nX-From: ${from}\r\nX-Left: ${left}\r\n\r\n`.repeat(times)),
    );
    socket.on('error', () => undefined);
    onTestFinished(() => void socket.destroy());
    const requested = once(server, 'request');
    const [served] = (await accepted) as [Socket];
    const [, response] = (await requested) as [IncomingMessage, ServerResponse];
    return { socket, served, response };
  }
  return { ask };
}

it('cuts the connection that leaves too much of one address, and no other', async () => {
  const { ask } = await startServer();
  const first = await ask('a', 8);
  expect(first.served.destroyed).toBe(false);
  expect((await ask('a', 1)).served.destroyed).toBe(true);
  expect((await ask('b', 8)).served.destroyed).toBe(false);
  // Who takes what it is sent is served.
  const reader = await ask('a', 1, '/small');
  let answer = '';
  reader.socket.on('data', (chunk: Buffer) => (answer += chunk.toString())).resume();
  await vi.waitFor(() => expect(answer).toContain('small'), PATIENCE);

  // What was taken is free again, and what has ended.
  const taken = once(first.response, 'close');
  first.socket.resume();
  await taken;
  expect((await ask('a', 8)).served.destroyed).toBe(false);
});

it('counts every answer that waits on a connection, until that ends', async () => {
  const { ask } = await startServer();
  const first = await ask('a', 2, '/', 4);
  expect(first.served.destroyed).toBe(false);
  expect((await ask('a', 1)).served.destroyed).toBe(true);
  const ended = new Promise((resolve) => first.served.once('close', resolve));
  first.socket.destroy();
  await ended;
  expect((await ask('a', 8)).served.destroyed).toBe(false);
});

it('leaves so much to all addresses together', async () => {
  const { ask } = await startServer();
  for (const from of ['a', 'b', 'c', 'd']) expect((await ask(from, 8)).served.destroyed).toBe(false);
  expect((await ask('e', 1)).served.destroyed).toBe(true);
});

describe('a message to a socket', () => {
  const LONG = 'x'.repeat(5 * MB);

  /** A socket that is full or not as it is told, and with each message when it `fills`. */
  function openConnection(unread: ReturnType<typeof createUnread>) {
    const state = { full: false, fills: true };
    const socket = new Socket();
    Object.defineProperty(socket, 'writableNeedDrain', { get: () => state.full });
    Object.defineProperty(socket, 'writableLength', { get: () => (state.full ? 1 : 0) });
    const ws: { readyState: number; send: () => void } = {
      readyState: WebSocket.OPEN,
      send: () => void (state.full = state.fills),
    };
    const connection = createConnection({
      id: 'c',
      ws: ws as unknown as WebSocket,
      socket,
      request: null,
      address: 'a',
      openedAt: 0,
    });
    return {
      state,
      ws,
      socket,
      send: () => void unread.send(connection, LONG),
      drain: () => {
        state.full = false;
        socket.emit('drain');
      },
      end: () => {
        ws.readyState = WebSocket.CLOSED;
        drained(connection);
      },
    };
  }

  it('counts until it was taken: who leaves too much is cut, who takes everything never', () => {
    const { send, drain, socket } = openConnection(createUnread(HEAP));
    for (let each = 0; each < 5; each += 1) {
      send();
      drain();
    }
    send();
    expect(socket.destroyed).toBe(false);
    send();
    expect(socket.destroyed).toBe(true);
  });

  it('that waited for others, and was written when there was room, still waits to be taken', () => {
    const { send, drain, state, socket } = openConnection(createUnread(HEAP));
    const wait = () => {
      state.full = true;
      send();
      drain();
    };
    for (let each = 0; each < 3; each += 1) {
      wait();
      drain();
    }
    wait();
    expect([state.full, socket.destroyed]).toEqual([true, false]);
    send();
    expect(socket.destroyed).toBe(true);
  });

  it('that was written in time counts for nothing, nor does one to who is gone', () => {
    const unread = createUnread(HEAP);
    const quick = openConnection(unread);
    quick.state.fills = false;
    for (let each = 0; each < 5; each += 1) quick.send();
    expect(quick.socket.destroyed).toBe(false);

    const gone = openConnection(unread);
    gone.send();
    gone.end();
    for (let each = 0; each < 5; each += 1) gone.send();
    const other = openConnection(unread);
    other.send();
    expect([gone.socket.destroyed, other.socket.destroyed]).toEqual([false, false]);
  });
});
