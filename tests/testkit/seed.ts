import { randomUUID } from 'node:crypto';
import { ask, type RequestOptions } from './graphql-client.js';

/** A visitor with a token, as a test holds it. */
export interface TestVisitor {
  readonly id: string;
  readonly token: string;
}

export interface TestMessage {
  readonly id: string;
  readonly number: number;
  readonly text: string;
}

export interface UserError {
  readonly code: string;
  readonly message: string;
  readonly field: readonly string[] | null;
}

/** What `sendMessage` answered. */
export interface Sent {
  readonly message: TestMessage | null;
  readonly cursor: string | null;
  readonly duplicate: boolean;
  readonly userErrors: readonly UserError[];
}

/** A fresh visitor. */
export async function createVisitor(url: string, options: RequestOptions = {}): Promise<TestVisitor> {
  const { createVisitor: made } = await ask<{
    createVisitor: { visitor: { id: string } | null; token: string | null; userErrors: readonly UserError[] };
  }>(
    url,
    /* GraphQL */ `
      mutation {
        createVisitor(input: {}) {
          visitor {
            id
          }
          token
          userErrors {
            code
            message
          }
        }
      }
    `,
    {},
    options,
  );
  if (made.visitor === null || made.token === null) throw new Error(JSON.stringify(made.userErrors));
  return { id: made.visitor.id, token: made.token };
}

/** A fresh room with a name that nobody else has; its id. */
export async function createRoom(
  url: string,
  visitor: TestVisitor,
  name = `Room ${randomUUID()}`,
): Promise<string> {
  const { createRoom: made } = await ask<{
    createRoom: { room: { id: string } | null; userErrors: readonly UserError[] };
  }>(
    url,
    /* GraphQL */ `
      mutation ($name: String!) {
        createRoom(input: { name: $name }) {
          room {
            id
          }
          userErrors {
            code
            message
          }
        }
      }
    `,
    { name },
    { token: visitor.token },
  );
  if (made.room === null) throw new Error(JSON.stringify(made.userErrors));
  return made.room.id;
}

export const SEND_MESSAGE = /* GraphQL */ `
  mutation ($input: SendMessageInput!) {
    sendMessage(input: $input) {
      message {
        id
        number
        text
      }
      cursor
      duplicate
      userErrors {
        code
        message
        field
      }
    }
  }
`;

/** Sends one message; the answer, user errors and all. */
export async function sendMessage(
  url: string,
  visitor: TestVisitor,
  input: { readonly roomId: string; readonly text: string; readonly idempotencyKey?: string },
  options: RequestOptions = {},
): Promise<Sent> {
  const answer = await ask<{ sendMessage: Sent }>(
    url,
    SEND_MESSAGE,
    { input },
    { token: visitor.token, ...options },
  );
  return answer.sendMessage;
}

export const MESSAGE_ADDED = /* GraphQL */ `
  subscription ($roomId: ID!, $after: String) {
    messageAdded(roomId: $roomId, after: $after) {
      cursor
      replayed
      skippedCount
      message {
        id
        number
        text
      }
    }
  }
`;

export interface MessageAdded {
  readonly messageAdded: {
    readonly cursor: string;
    readonly replayed: boolean;
    readonly skippedCount: number;
    readonly message: TestMessage;
  };
}

const PAGE = /* GraphQL */ `
  query ($roomId: ID!, $after: String, $first: Int, $last: Int) {
    room(id: $roomId) {
      messages(first: $first, after: $after, last: $last) {
        nodes {
          id
          number
          text
        }
        pageInfo {
          hasNextPage
          endCursor
        }
        totalCount
        resumeCursor
      }
    }
  }
`;

export interface MessagePage {
  readonly nodes: readonly TestMessage[];
  readonly pageInfo: { readonly hasNextPage: boolean; readonly endCursor: string | null };
  readonly totalCount: number;
  readonly resumeCursor: string;
}

const LARGEST_PAGE = 100;

/** One page of a room. @throws Error for a room that does not exist. */
export async function readPage(
  url: string,
  roomId: string,
  range: { readonly first?: number; readonly last?: number; readonly after?: string | null },
): Promise<MessagePage> {
  const { room } = await ask<{ room: { messages: MessagePage } | null }>(url, PAGE, { roomId, ...range });
  if (room === null) throw new Error(`no room ${roomId}`);
  return room.messages;
}

/** All messages of a room, oldest first, page by page. */
export async function readLog(url: string, roomId: string): Promise<readonly TestMessage[]> {
  const messages: TestMessage[] = [];
  let after: string | null = null;
  for (;;) {
    const page: MessagePage = await readPage(url, roomId, { first: LARGEST_PAGE, after });
    messages.push(...page.nodes);
    after = page.pageInfo.endCursor;
    if (!page.pageInfo.hasNextPage) return messages;
  }
}
