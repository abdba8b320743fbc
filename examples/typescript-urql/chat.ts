import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { Client, fetchExchange, subscriptionExchange, type SubscriptionForwarder } from '@urql/core';
import { createClient } from 'graphql-ws';
import { filter, pipe, take, toPromise } from 'wonka';
import { WebSocket } from 'ws';
import * as op from './operations.js';
const url = `${process.env['MADANG_URL'] ?? 'http://localhost:8000'}/graphql`;
let token: string | undefined;
const socket = createClient({
  url: url.replace(/^http/, 'ws'),
  webSocketImpl: WebSocket,
  connectionParams: () => ({ token }),
  retryAttempts: Infinity,
  shouldRetry: () => true,
  retryWait: (retries) => pause(Math.random() * Math.min(30_000, 500 * 2 ** retries)),
});
/** Each connection reads the variables again: behind the cursor of the last event. */
const forwardSubscription: SubscriptionForwarder = ({ query = '', variables: given }) => ({
  subscribe(sink) {
    const variables: Record<string, unknown> = { ...given };
    const next = (result: { data?: { event?: { cursor: string } } | null }) => {
      variables['after'] = result.data?.event?.cursor ?? variables['after'];
      sink.next(result as Parameters<typeof sink.next>[0]);
    };
    return { unsubscribe: socket.subscribe({ query, variables }, { ...sink, next } as never) };
  },
});
const fetchOptions = () => ({ headers: { ...(token && { authorization: `Bearer ${token}` }) } });
const exchanges = [fetchExchange, subscriptionExchange({ forwardSubscription })];
const urql = new Client({ url, fetchOptions, exchanges, preferGetMethod: false });
/** A mutation, repeated while the network fails. */
async function ask<Data>(query: string, variables: Record<string, unknown> = {}): Promise<Data> {
  const { data, error } = await urql.mutation<Data>(query, variables);
  if (error?.networkError) return pause(300 + 300 * Math.random()).then(() => ask(query, variables));
  return data ?? Promise.reject(error);
}
const follow = <Data>(query: string, variables: object, isLast: (data: Data) => boolean) =>
  pipe(
    urql.subscription<Data>(query, variables),
    filter(({ data }) => data !== undefined && isLast(data)),
    take(1),
    toPromise,
  );

token = (await ask<op.VisitorCreated>(op.CREATE_VISITOR)).createVisitor.token;
const { room } = (await ask<op.RoomCreated>(op.CREATE_ROOM, { name: `urql ${randomUUID()}` })).createRoom;
const roomId = room.id;
console.log(`room ${roomId}`);
const numbers: number[] = [];
const start = { roomId, after: room.messages.resumeCursor };
const isTenth = ({ event }: op.MessageAdded) => numbers.push(event.message.number) === 10;
const isFull = ({ event: { rooms } }: op.RoomsChanged) =>
  rooms.some((it) => it.id === roomId && it.messageCount === 10);
const followed = [follow(op.MESSAGES, start, isTenth), follow(op.ROOMS, {}, isFull)];
for (let number = 1; number <= 10; number += 1, await pause(200)) {
  await ask(op.SEND, { input: { roomId, text: `message ${number}`, idempotencyKey: randomUUID() } });
}
await Promise.all(followed);
console.log(numbers.join() === '1,2,3,4,5,6,7,8,9,10' ? 'ok' : `wrong: ${numbers.join()}`);
