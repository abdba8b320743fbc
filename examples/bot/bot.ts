import { readFile, rename, writeFile } from 'node:fs/promises';
import { createClient } from 'graphql-ws';
import { WebSocket } from 'ws';
// A bot that answers "ping". Usage: npm start -- ROOM_ID; what it must remember is in bot.json.
const STATE = 'bot.json';
const [roomId] = process.argv.slice(2);
const state: { token?: string; after?: string } = JSON.parse(await readFile(STATE, 'utf8').catch(() => '{}'));

const client = createClient({
  url: `${process.env['MADANG_URL'] ?? 'http://localhost:8000'}/graphql`.replace(/^http/, 'ws'),
  webSocketImpl: WebSocket,
  connectionParams: () => ({ token: state.token }),
  retryAttempts: Infinity,
  shouldRetry: () => true,
  retryWait: (tries) => new Promise((go) => setTimeout(go, Math.random() * 500 * 2 ** Math.min(tries, 6))),
  on: { connected: (_, ack) => void (state.token = (ack as { token: string }).token) },
});

const SEND = 'mutation ($input: SendMessageInput!) { sendMessage(input: $input) { cursor } }';
const FOLLOW = `subscription ($roomId: ID!, $after: String) {
  messageAdded(roomId: $roomId, after: $after) { cursor message { id text author { displayName } } } }`;
type Message = { id: string; text: string; author: { displayName: string } };
type Added = { messageAdded: { cursor: string; message: Message } };
type Sent = { sendMessage: { cursor: string | null } };

// Each connection reads the variables again, so it goes on behind the last message that was dealt with.
const variables = { roomId, after: state.after };
for await (const { data, errors } of client.iterate<Added>({ query: FOLLOW, variables })) {
  if (!data) throw new Error(JSON.stringify(errors));
  const { cursor, message } = data.messageAdded;
  if (message.text.startsWith('ping')) {
    // The key is the question's id: after a crash before it is saved the same answer is not stored again.
    const input = { roomId, text: `pong, ${message.author.displayName}`, idempotencyKey: message.id };
    const { value } = await client.iterate<Sent>({ query: SEND, variables: { input } }).next();
    if (!value?.data?.sendMessage.cursor) throw new Error(JSON.stringify(value));
  }
  state.after = variables.after = cursor;
  await writeFile(`${STATE}.new`, JSON.stringify(state));
  await rename(`${STATE}.new`, STATE); // One step: a crash leaves the old state or the new one.
}
