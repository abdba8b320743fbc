import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { ApolloClient, ApolloLink, gql, HttpLink, InMemoryCache } from '@apollo/client';
import { SetContextLink } from '@apollo/client/link/context';
import { RetryLink } from '@apollo/client/link/retry';
import { filter, firstValueFrom } from 'rxjs';
import * as op from './operations.js';
import { connect, resumingLink } from './resuming-link.js';

const url = `${process.env['MADANG_URL'] ?? 'http://localhost:8000'}/graphql`;
let token: string | undefined;
const socket = connect(url, () => token);
const retry = new RetryLink({
  attempts: { max: Infinity },
  delay: { initial: 300, max: 30_000, jitter: true },
});
const auth = new SetContextLink(() => ({ headers: token ? { authorization: `Bearer ${token}` } : {} }));
const http = ApolloLink.from([retry, auth, new HttpLink({ uri: url })]);
const link = ApolloLink.split(
  ({ operationType }) => operationType === 'subscription',
  resumingLink(socket),
  http,
);
const apollo = new ApolloClient({ link, cache: new InMemoryCache() });

async function ask<Data>(text: string, variables = {}): Promise<Data> {
  const { data } = await apollo.mutate<Data>({ mutation: gql(text), variables });
  return data as Data;
}
const follow = <Data>(text: string, variables: object, isLast: (data: Data) => boolean) =>
  firstValueFrom(
    apollo.subscribe<Data>({ query: gql(text), variables }).pipe(filter(({ data }) => isLast(data as Data))),
  );

token = (await ask<op.VisitorCreated>(op.CREATE_VISITOR)).createVisitor.token;
const { room } = (await ask<op.RoomCreated>(op.CREATE_ROOM, { name: `apollo ${randomUUID()}` })).createRoom;
const roomId = room.id;
console.log(`room ${roomId}`);
const numbers: number[] = [];
const start = { roomId, after: room.messages.resumeCursor };
const isTenth = ({ event }: op.MessageAdded) => numbers.push(event.message.number) === 10;
const isFull = ({ event }: op.RoomsChanged) =>
  event.rooms.some(({ id, messageCount }) => id === roomId && messageCount === 10);
const followed = [follow(op.MESSAGES, start, isTenth), follow(op.ROOMS, {}, isFull)];
for (let number = 1; number <= 10; number += 1, await pause(200)) {
  await ask(op.SEND, { input: { roomId, text: `message ${number}`, idempotencyKey: randomUUID() } });
}
await Promise.all(followed);
console.log(numbers.join() === '1,2,3,4,5,6,7,8,9,10' ? 'ok' : `wrong: ${numbers.join()}`);
await socket.dispose();
