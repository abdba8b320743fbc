import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { commitMutation, requestSubscription } from 'relay-runtime';
import type { GraphQLTaggedNode, MutationParameters, OperationType } from 'relay-runtime';
import messages, {
  type documentsMessagesSubscription as Messages,
} from './compiled/documentsMessagesSubscription.graphql.js';
import makeRoom, {
  type documentsRoomMutation as MakeRoom,
} from './compiled/documentsRoomMutation.graphql.js';
import rooms, {
  type documentsRoomsSubscription as Rooms,
} from './compiled/documentsRoomsSubscription.graphql.js';
import send, { type documentsSendMutation as Send } from './compiled/documentsSendMutation.graphql.js';
import makeVisitor, {
  type documentsVisitorMutation as MakeVisitor,
} from './compiled/documentsVisitorMutation.graphql.js';
import { environment, signIn, socket } from './environment.js';

const ask = <M extends MutationParameters>(mutation: GraphQLTaggedNode, variables: M['variables']) =>
  new Promise<M['response']>((onCompleted, onError) => {
    commitMutation<M>(environment, { mutation, variables, onCompleted, onError });
  });
const follow = <S extends OperationType>(
  subscription: GraphQLTaggedNode,
  variables: S['variables'],
  isLast: (data: S['response']) => boolean,
) =>
  new Promise<void>((resolve, onError) => {
    const onNext = (data: S['response'] | null | undefined) => data && isLast(data) && resolve();
    requestSubscription<S>(environment, { subscription, variables, onNext, onError });
  });

signIn((await ask<MakeVisitor>(makeVisitor, {})).createVisitor?.token ?? '');
const { createRoom } = await ask<MakeRoom>(makeRoom, { name: `relay ${randomUUID()}` });
const roomId = createRoom?.room?.id ?? '';
console.log(`room ${roomId}`);
const numbers: number[] = [];
const followed = [
  follow<Messages>(
    messages,
    { roomId, after: createRoom?.room?.messages.resumeCursor },
    ({ event }) => numbers.push(event.message.number) === 10,
  ),
  follow<Rooms>(rooms, {}, ({ event }) =>
    event.rooms.some(({ id, messageCount }) => id === roomId && messageCount === 10),
  ),
];
for (let number = 1; number <= 10; number += 1, await pause(200)) {
  await ask<Send>(send, { input: { roomId, text: `message ${number}`, idempotencyKey: randomUUID() } });
}
await Promise.all(followed);
console.log(numbers.join() === '1,2,3,4,5,6,7,8,9,10' ? 'ok' : `wrong: ${numbers.join()}`);
await socket.dispose();
