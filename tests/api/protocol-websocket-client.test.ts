import { createClient, type Client, type ClientOptions } from 'graphql-ws';
import { WebSocket } from 'ws';
import { describe, expect, it, onTestFinished } from 'vitest';
import { ALL_HEARD, follow, followThroughCuts } from './resuming.js';
import { eventually, useServer } from './world.js';

describe('graphql-transport-ws, with the client of graphql-ws', () => {
  const chat = useServer('embedded');

  function open(url: string, options: Partial<ClientOptions> = {}): Client {
    const client = createClient({
      url: `${url.replace(/^http/, 'ws')}/graphql`,
      webSocketImpl: WebSocket,
      retryWait: () => new Promise((resolve) => setTimeout(resolve, 20)),
      ...options,
    });
    onTestFinished(async () => client.dispose());
    return client;
  }

  it('runs queries, mutations and subscriptions on one connection', async () => {
    let connected = 0;
    const client = open(chat.url, { on: { connected: () => (connected += 1) }, lazyCloseTimeout: 10_000 });
    const read = client.iterate<{ viewer: { id: string } }>({ query: '{ viewer { id } }' });
    const id = (await read.next()).value?.data?.viewer.id;
    const made = client.iterate<{ createRoom: { room: { id: string } } }>({
      query: 'mutation ($name: String!) { createRoom(input: { name: $name }) { room { id } } }',
      variables: { name: `room of ${id}` },
    });
    const roomId = (await made.next()).value?.data?.createRoom.room.id ?? '';
    const followed = follow(client, roomId);
    await eventually(
      () =>
        client
          .iterate<{ sendMessage: { message: { author: { id: string } } } }>({
            query: `mutation ($roomId: ID!) {
              sendMessage(input: { roomId: $roomId, text: "hello" }) { message { author { id } } }
            }`,
            variables: { roomId },
          })
          .next(),
      () => followed.texts.length > 0,
    );
    expect(followed.texts[0]).toBe('hello');
    expect(connected).toBe(1);
  });

  it('is given the visitor in the payload of the acknowledgement, and stays it with that token', async () => {
    const acks: unknown[] = [];
    const first = open(chat.url, { on: { connected: (_, payload) => acks.push(payload) } });
    await first.iterate({ query: '{ viewer { id } }' }).next();
    const [{ token, visitor }] = acks as [{ token: string; visitor: { id: string } }];
    const again = open(chat.url, { connectionParams: { token } });
    const answer = await again.iterate<{ viewer: { id: string } }>({ query: '{ viewer { id } }' }).next();
    expect(answer.value?.data?.viewer.id).toBe(visitor.id);
  });

  it('resumes by cursor after cut connections: every message once and in order', async () => {
    const patient = (url: string) => open(url, { retryAttempts: 100, shouldRetry: () => true });
    expect(await followThroughCuts(chat.url, patient)).toEqual(ALL_HEARD);
  });

  it('hears an error of its operation as errors, and goes on with the others', async () => {
    const client = open(chat.url, { lazyCloseTimeout: 10_000 });
    const failing = follow(client, 'no room');
    const problem = await eventually(failing.ended, (ended) => ended !== undefined);
    expect(problem).toMatchObject([{ extensions: { code: 'ROOM_NOT_FOUND' } }]);
    const fine = await client.iterate({ query: '{ settings { maxMessageLength } }' }).next();
    expect(fine.value?.data).toEqual({ settings: { maxMessageLength: 2000 } });
  });

  it('is answered when it pings', async () => {
    const pongs: boolean[] = [];
    const client = open(chat.url, {
      keepAlive: 20,
      lazyCloseTimeout: 10_000,
      on: { pong: (received) => pongs.push(received) },
    });
    await client.iterate({ query: '{ settings { maxMessageLength } }' }).next();
    await eventually(
      () => pongs,
      ({ length }) => length >= 3,
    );
    expect(pongs.every((received) => received)).toBe(true);
  });

  it('does not come back for ever with a token that is refused', async () => {
    const client = open(chat.url, { connectionParams: { token: 'bad' }, retryAttempts: 2 });
    await expect(client.iterate({ query: '{ viewer { id } }' }).next()).rejects.toMatchObject({ code: 4403 });
  });
});
