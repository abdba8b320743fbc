import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { createClient } from 'graphql-ws';
import { WebSocket } from 'ws';

const CREATE = `mutation ($name: String!) {
  createRoom(input: { name: $name }) { room { id messages { resumeCursor } } } }`;
const SEND = `mutation ($input: SendMessageInput!) { sendMessage(input: $input) { cursor } }`;
const MESSAGES = `subscription ($roomId: ID!, $after: String) {
  event: messageAdded(roomId: $roomId, after: $after) { cursor message { number text } } }`;
const ROOMS = `subscription ($after: String) {
  event: roomsChanged(after: $after) { cursor rooms { id messageCount } } }`;
type Variables = Record<string, unknown>;
type Room = { id: string; messageCount: number; messages: { resumeCursor: string } };

// Everything over one socket. The first connection is given a visitor; later ones come back as the same.
let token: string | undefined;
const client = createClient({
  url: `${process.env['MADANG_URL'] ?? 'http://localhost:8000'}/graphql`.replace(/^http/, 'ws'),
  webSocketImpl: WebSocket,
  connectionParams: () => ({ token }),
  retryAttempts: Infinity,
  shouldRetry: () => true,
  retryWait: (retries) => pause(Math.random() * Math.min(30_000, 500 * 2 ** retries)),
  on: { connected: (_, ack) => (token = (ack as { token: string }).token) },
});

/** A query or mutation; graphql-ws repeats it when the connection is lost before the answer. */
async function ask<Data>(query: string, variables: Variables): Promise<Data> {
  const { value } = await client.iterate<Data>({ query, variables }).next();
  if (value?.data) return value.data as Data;
  throw new Error(JSON.stringify(value?.errors));
}

/** Follows until `done`. Each connection reads the variables again, so it goes on behind the last event. */
async function follow<E>(query: string, variables: Variables, done: (event: E) => boolean): Promise<void> {
  const events = client.iterate<{ event: E & { cursor: string } }>({ query, variables });
  for await (const { data, errors } of events) {
    if (!data) throw new Error(JSON.stringify(errors));
    variables['after'] = data.event.cursor;
    if (done(data.event)) return;
  }
}

const { createRoom } = await ask<{ createRoom: { room: Room } }>(CREATE, { name: `ws ${randomUUID()}` });
const { id: roomId, messages } = createRoom.room;
console.log(`room ${roomId}`);
const numbers: number[] = [];
const start = { roomId, after: messages.resumeCursor };
type Added = { message: { number: number } };
const followed = follow<Added>(MESSAGES, start, ({ message }) => numbers.push(message.number) === 10);
const isFull = (room: Room) => room.id === roomId && room.messageCount === 10;
const listed = follow<{ rooms: Room[] }>(ROOMS, {}, ({ rooms }) => rooms.some(isFull));
for (let number = 1; number <= 10; number += 1, await pause(200)) {
  await ask(SEND, { input: { roomId, text: `message ${number}`, idempotencyKey: randomUUID() } });
}
await Promise.all([followed, listed]);
console.log(numbers.join() === '1,2,3,4,5,6,7,8,9,10' ? 'ok' : `wrong: ${numbers.join()}`);
await client.dispose();
