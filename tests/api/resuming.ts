import { onTestFinished } from 'vitest';
import { startFaultProxy } from '../testkit/faults/proxy.js';
import { createRoom, createVisitor, MESSAGE_ADDED, sendMessage, type MessageAdded } from '../testkit/seed.js';
import { eventually } from './world.js';

/** What the clients of `graphql-ws` and `graphql-sse` have in common. */
interface SubscribingClient {
  subscribe(
    request: { query: string; variables: Record<string, unknown> },
    sink: {
      next(result: { data?: MessageAdded | null }): void;
      error(error: unknown): void;
      complete(): void;
    },
  ): () => void;
}

/** Follows a room as the documents say: the variables are read again at each connection, and so is the cursor. */
export function follow(client: SubscribingClient, roomId: string, start?: string | null) {
  const texts: string[] = [];
  let cursor = start;
  let ended: unknown;
  const variables = {
    roomId,
    get after() {
      return cursor;
    },
  };
  const stop = client.subscribe(
    { query: MESSAGE_ADDED, variables },
    {
      next({ data }) {
        if (data === null || data === undefined) return;
        cursor = data.messageAdded.cursor;
        texts.push(data.messageAdded.message.text);
      },
      error: (error) => (ended = error),
      complete: () => (ended = 'complete'),
    },
  );
  return { texts, stop, ended: () => ended };
}

/** What `followThroughCuts` gives when every message is heard once and in order. */
export const ALL_HEARD = {
  texts: Array.from({ length: 12 }, (_, index) => String(index + 2)),
  ended: undefined,
};

/** Follows a room while messages 2 to 13 are sent to it and the client's connections are cut again and again. */
export async function followThroughCuts(server: string, open: (url: string) => SubscribingClient) {
  const { hostname: host, port } = new URL(server);
  const proxy = await startFaultProxy({ host, port: Number(port) });
  onTestFinished(() => proxy.close());
  const visitor = await createVisitor(server);
  const roomId = await createRoom(server, visitor);
  const { cursor } = await sendMessage(server, visitor, { roomId, text: '1' });
  const followed = follow(open(`http://${proxy.host}:${proxy.port}`), roomId, cursor);
  for (let number = 2; number <= 13; number += 1) {
    await sendMessage(server, visitor, { roomId, text: String(number) });
    if (number % 3 !== 0) continue;
    await eventually(
      () => followed.texts.length,
      (count) => count > 0,
    );
    proxy.reset();
  }
  const texts = await eventually(
    () => followed.texts,
    ({ length }) => length >= ALL_HEARD.texts.length,
  );
  return { texts, ended: followed.ended() };
}
