import { Socket } from 'node:net';
import { describe, expect, it, vi } from 'vitest';
import { openSocket } from '../../testkit/bare-socket.ts';
import { startServer } from './kit/server.ts';

const QUERY = 'subscription($after: String) { counted(after: $after) { number } }';
const SOCKETS = 20;
const EVENTS = 6;
const patient = { timeout: 20_000 };

/** Calls by which frames of results reach the operating system. */
function countWrites() {
  const spy = vi.spyOn(Socket.prototype, 'write');
  const results = () =>
    spy.mock.calls.filter(([chunk]) => typeof chunk === 'string' && chunk.includes('"type":"next"'));
  return { count: () => results().length, stop: () => spy.mockRestore() };
}

describe('what a delivery costs', () => {
  it('is one execution per event, and one write per socket for all that came in one turn', async () => {
    const { url, source, calls } = await startServer();
    source.append(SOCKETS);
    const sockets = Array.from({ length: SOCKETS }, () => openSocket(url));
    for (const [index, socket] of sockets.entries()) {
      await socket.init();
      socket.subscribe('1', QUERY, { after: String(index) });
    }
    await vi.waitFor(() => {
      for (const [index, socket] of sockets.entries()) expect(socket.of('1')).toHaveLength(SOCKETS - index);
    }, patient);
    calls.executions = 0;
    const writes = countWrites();
    try {
      source.append(EVENTS);
      await vi.waitFor(() => {
        for (const [index, socket] of sockets.entries()) {
          expect(socket.of('1')).toHaveLength(SOCKETS - index + EVENTS);
        }
      }, patient);
      expect(calls.executions).toBe(EVENTS);
      expect(writes.count()).toBe(SOCKETS);
    } finally {
      writes.stop();
    }
  });
});
