import { MessageType, parseMessage, type Message } from 'graphql-ws';

const CLIENT_MESSAGES: ReadonlySet<MessageType> = new Set([
  MessageType.ConnectionInit,
  MessageType.Subscribe,
  MessageType.Complete,
  MessageType.Ping,
  MessageType.Pong,
]);

/** The message of graphql-transport-ws in a frame, or null for what no client may send. */
export function clientMessage(text: string): Message | null {
  try {
    const message = parseMessage(text);
    return CLIENT_MESSAGES.has(message.type) ? message : null;
  } catch {
    return null;
  }
}
