import { MessageType, parseMessage, stringifyMessage, type Message } from 'graphql-ws';

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
    // The answer has its payload: one that is nested too deep can be read, but not written.
    if (message.type === MessageType.Ping) stringifyMessage(message);
    return CLIENT_MESSAGES.has(message.type) ? message : null;
  } catch {
    return null;
  }
}
