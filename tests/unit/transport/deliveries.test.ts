import type { GraphQLObjectType } from 'graphql';
import { Socket } from 'node:net';
import { describe, expect, it, vi } from 'vitest';
import { openSocket } from '../../testkit/bare-socket.ts';
import { startServer } from './kit/server.ts';

const QUERY = 'subscription($after: String) { counted(after: $after) { number } }';
const SOCKETS = 20;
const EVENTS = 6;
/** More subscribers than are served in one turn of the event loop. */
const SEVERAL_SLICES = 700;
const LARGE_BYTES = 100_000;
const patient = { timeout: 20_000 };

/** Pings, pongs and the end of a connection: nothing of a delivery. */
const isControl = (bytes: unknown): boolean => {
  const first = typeof bytes === 'string' ? bytes.charCodeAt(0) : bytes instanceof Uint8Array ? bytes[0] : 0;
  return ((first ?? 0) & 0xf8) === 0x88;
};

/** Every call by which sockets of the server at `url` hand something to the operating system, and who made it. */
function watchWrites(url: string, onWrite: (socket: Socket) => void = () => undefined) {
  const port = Number(new URL(url).port);
  const write = Socket.prototype.write;
  const written: Socket[] = [];
  const spy = vi.spyOn(Socket.prototype, 'write').mockImplementation(function (
    this: Socket,
    ...args: unknown[]
  ) {
    if (this.localPort === port && !isControl(args[0])) {
      written.push(this);
      onWrite(this);
    }
    return write.apply(this, args as Parameters<Socket['write']>);
  });
  return { written, stop: () => spy.mockRestore() };
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
    const writes = watchWrites(url);
    const stringify = vi.spyOn(JSON, 'stringify');
    try {
      source.append(EVENTS);
      await vi.waitFor(() => {
        for (const [index, socket] of sockets.entries()) {
          expect(socket.of('1')).toHaveLength(SOCKETS - index + EVENTS);
        }
      }, patient);
      const serialised = stringify.mock.calls.filter(
        ([value]) => value !== null && typeof value === 'object' && 'data' in value,
      );
      expect(calls.executions).toBe(EVENTS);
      expect(serialised).toHaveLength(EVENTS);
      expect(writes.written).toHaveLength(SOCKETS);
    } finally {
      stringify.mockRestore();
      writes.stop();
    }
  });
});

describe('a flush that goes on for several turns', () => {
  it('passes over sockets that die meanwhile, and gives all others everything', async () => {
    const { url, source, calls } = await startServer({ maxOperationsPerSocket: SEVERAL_SLICES });
    const sockets = Array.from({ length: 7 }, () => openSocket(url));
    const each = SEVERAL_SLICES / sockets.length;
    for (const socket of sockets) {
      await socket.init();
      for (let id = 0; id < each; id += 1) socket.subscribe(String(id), QUERY);
    }
    await vi.waitFor(() => expect(calls.joins).toHaveLength(SEVERAL_SLICES), patient);
    source.append();
    await vi.waitFor(() => {
      for (const { frames } of sockets)
        expect(frames.filter(({ type }) => type === 'next')).toHaveLength(each);
    }, patient);

    const dead = new Set<Socket>();
    const writes = watchWrites(url, (socket) => {
      // In the second slice, in the middle of what its socket is owed.
      if (writes.written.length !== 260) return;
      dead.add(socket);
      socket.destroy();
    });
    try {
      source.append(2);
      await vi.waitFor(() => expect(dead.size).toBe(1), patient);
      const alive = () => sockets.filter(({ ws }) => ws.readyState === ws.OPEN);
      await vi.waitFor(() => {
        expect(alive()).toHaveLength(sockets.length - 1);
        for (const socket of alive()) {
          for (let id = 0; id < each; id += 1) expect(socket.of(String(id))).toHaveLength(3);
        }
      }, patient);
      await vi.waitFor(() => expect(calls.leaves).toHaveLength(each), patient);
    } finally {
      writes.stop();
    }
    for (const { ws } of sockets) ws.terminate();
    await vi.waitFor(() => expect(calls.leaves).toHaveLength(SEVERAL_SLICES), patient);
    expect(source.state.closed).toBe(source.state.opened);
  });
});

describe('an event of 100 kB', () => {
  it('reaches everybody whole and in its place, also who reads late', async () => {
    const { url, source, schema, calls } = await startServer();
    const text = (number: number) => (number % 2 === 0 ? '가'.repeat(LARGE_BYTES / 3) : `small ${number}`);
    const counted = schema.getType('Counted') as GraphQLObjectType<{ number: number }>;
    counted.getFields()['echo']!.resolve = ({ number }: { number: number }) => text(number);
    const sockets = Array.from({ length: 4 }, () => openSocket(url));
    for (const socket of sockets) {
      await socket.init();
      socket.subscribe('1', 'subscription { counted { number echo } }');
    }
    await vi.waitFor(() => expect(calls.joins).toHaveLength(sockets.length), patient);
    sockets[0]!.ws.pause();
    for (let turn = 0; turn < 6; turn += 1) {
      source.append(5);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    sockets[0]!.ws.resume();
    const expected = Array.from({ length: 30 }, (_, index) => ({ number: index + 1, echo: text(index + 1) }));
    for (const socket of sockets) {
      await vi.waitFor(() => expect(socket.of('1')).toHaveLength(expected.length), patient);
      const results = socket
        .of('1')
        .map(({ payload }) => payload as unknown as { data: { counted: unknown } });
      expect(results.map(({ data }) => data.counted)).toEqual(expected);
    }
  });
});
