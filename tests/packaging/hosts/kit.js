/** Talks through the installed kit: follows a room, sends in it, and prints what arrives. */
import { randomUUID } from 'node:crypto';
import {
  createMemoryOutboxStore,
  createMemoryStorage,
  createOutbox,
  createSocket,
  followRoom,
} from 'madang-client';
import { WebSocket } from 'ws';

const [url = '', roomId = ''] = process.argv.slice(2);
const connection = createSocket({ url, storage: createMemoryStorage(), webSocket: WebSocket });
const store = createMemoryOutboxStore();
const outbox = createOutbox({ connection, store, makeKey: () => randomUUID() });
const room = followRoom({ connection, roomId });
room.state.watch(() => {
  const texts = room.state.get().messages.map(({ text }) => text);
  if (texts.length < 2) return;
  console.log(texts.join(' '));
  process.exit(0);
});
outbox.send(roomId, 'hello');
outbox.send(roomId, 'again');
