import type { GraphQLObjectType } from 'graphql';
import { describe, expect, it, vi } from 'vitest';
import { openSocket } from '../../testkit/bare-socket.ts';
import { startServer } from './kit/server.ts';

const QUERY = 'subscription { counted { echo } }';
const patient = { timeout: 20_000 };

/** The whole message that carries one result. */
const message = (id: string, echo: string) => ({
  id,
  type: 'next',
  payload: { data: { counted: { echo } } },
});
const EMPTY = Buffer.byteLength(JSON.stringify(message('1', '')));

async function receive(id: string, echo: string) {
  const { url, source, schema, calls } = await startServer();
  (schema.getType('Counted') as GraphQLObjectType).getFields()['echo']!.resolve = () => echo;
  const socket = openSocket(url);
  const sizes: number[] = [];
  socket.ws.on('message', (data: Buffer) => sizes.push(data.length));
  await socket.init();
  socket.subscribe(id, QUERY);
  await vi.waitFor(() => expect(calls.joins).toHaveLength(1), patient);
  sizes.length = 0;
  source.append(3);
  await vi.waitFor(() => expect(socket.of(id)).toHaveLength(3), patient);
  socket.subscribe('after', '{ hello }');
  await socket.frame('complete', 'after');
  return { frames: socket.of(id), sizes };
}

describe('frames written by hand', () => {
  it.each([125, 126, 127, 65_534, 65_535, 65_536, 65_537])('of %i bytes arrive whole', async (length) => {
    const text = 'x'.repeat(length - EMPTY);
    const { frames, sizes } = await receive('1', text);
    expect(frames).toEqual(Array.from({ length: 3 }, () => message('1', text)));
    expect(sizes.slice(0, 3)).toEqual([length, length, length]);
  });

  it('carry ids and texts of every alphabet', async () => {
    const text = 'ascii é 한글 🎈 \u2028 "quoted" \\ \u0000 \u0081';
    const { frames } = await receive('아이디 "é" 🎈', text);
    expect(frames[0]).toEqual(message('아이디 "é" 🎈', text));
  });

  it('that carry the same results under ids of other lengths arrive whole', async () => {
    const { url, source, calls } = await startServer();
    const socket = openSocket(url);
    await socket.init();
    const ids = ['1', 'longer', '2'];
    for (const id of ids) socket.subscribe(id, 'subscription { counted { number } }');
    await vi.waitFor(() => expect(calls.joins).toHaveLength(3), patient);
    source.append(3);
    for (const id of ids) {
      await vi.waitFor(() => expect(socket.of(id)).toHaveLength(3), patient);
      const numbers = socket.of(id).map(({ payload }) => payload);
      expect(numbers).toEqual([1, 2, 3].map((number) => ({ data: { counted: { number } } })));
    }
  });
});
