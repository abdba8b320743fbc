import { Client, gql } from '@urql/core';
import { pipe, subscribe } from 'wonka';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { environmentWith } from '../../../tests/client/kit/support/environment.js';
import { createFakeWebSocket } from '../../../tests/client/kit/support/fake-web-socket.js';
import { createMemoryStorage } from '../environment.js';
import { toRequestError } from '../request-error.js';
import { createSocket, type Socket } from '../socket.js';
import { RESUME_AFTER, socketExchange } from './socket-exchange.js';

const CHANGES = gql('subscription ($after: String) { roomsChanged(after: $after) { cursor } }');
const VIEWER = gql('{ viewer { id } }');
const RENAME = gql('mutation { renameViewer(input: { displayName: "Ana" }) { visitor { id } } }');
const OPTIONS = { requestPolicy: 'network-only' } as const;

describe('socketExchange', () => {
  let socket: Socket;
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => {
    socket.close();
    vi.useRealTimers();
  });

  async function start() {
    const fake = createFakeWebSocket();
    socket = createSocket({
      url: 'ws://chat.test/graphql',
      storage: createMemoryStorage(),
      environment: environmentWith(0.5),
      webSocket: fake.FakeSocket,
    });
    const client = new Client({
      url: '/graphql',
      preferGetMethod: false,
      exchanges: [socketExchange(socket)],
    });
    await vi.advanceTimersByTimeAsync(0);
    await fake.last().welcome('ana');
    /** The request that the present connection got last. */
    const request = async () => {
      await vi.advanceTimersByTimeAsync(0);
      return fake.last().frames.findLast(({ type }) => type === 'subscribe');
    };
    return { ...fake, client, request };
  }

  it('sends queries and mutations over the socket, and hands on data and errors', async () => {
    const { client, last, request } = await start();
    const viewer = client.query(VIEWER, {}, OPTIONS).toPromise();
    const { id } = (await request())!;
    await last().receive({ id, type: 'next', payload: { data: { viewer: { id: 'ana' } } } });
    await last().receive({ id, type: 'complete' });
    expect((await viewer).data).toEqual({ viewer: { id: 'ana' } });

    const renamed = client.mutation(RENAME, {}).toPromise();
    const failure = { message: 'Busy.', extensions: { code: 'OVERLOADED', retryAfterMs: 70 } };
    await last().receive({ id: (await request())!.id, type: 'error', payload: [failure] });
    expect(toRequestError((await renamed).error)).toMatchObject({ code: 'OVERLOADED', retryAfterMs: 70 });
  });

  it('resumes a subscription at each reconnect behind its newest cursor', async () => {
    const { client, last, sockets, request } = await start();
    let cursor: string | null = null;
    const context = { [RESUME_AFTER]: () => cursor };
    const { unsubscribe } = pipe(
      client.subscription<{ roomsChanged: { cursor: string } }>(CHANGES, {}, context),
      subscribe(({ data }) => {
        cursor = data?.roomsChanged.cursor ?? cursor;
      }),
    );
    const first = await request();
    expect(first?.payload?.['variables']).toEqual({ after: null });
    const event = { data: { roomsChanged: { cursor: 'c7' } } };
    await last().receive({ id: first?.id, type: 'next', payload: event });
    last().end(1006);
    await vi.advanceTimersByTimeAsync(500);
    expect(sockets).toHaveLength(2);
    await last().welcome('ana');
    expect((await request())?.payload?.['variables']).toEqual({ after: 'c7' });
    unsubscribe();
  });

  it('ends an operation on the socket when nobody asks for it any more', async () => {
    const { client, last, request } = await start();
    const { unsubscribe } = pipe(
      client.subscription(CHANGES, {}),
      subscribe(() => {}),
    );
    const { id } = (await request())!;
    unsubscribe();
    await vi.advanceTimersByTimeAsync(0);
    expect(last().frames.at(-1)).toEqual({ id, type: 'complete' });
  });
});
