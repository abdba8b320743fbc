/** The schema of the GraphQL contenders: the part of Madang's that the benchmarks use. */
export const typeDefs = /* GraphQL */ `
  type Query {
    room(id: ID!): Room
  }
  type Room {
    id: ID!
  }
  type Visitor {
    id: ID!
    displayName: String!
  }
  type Message {
    id: ID!
    text: String!
    createdAt: String!
    author: Visitor!
  }
  type MessageAddedEvent {
    message: Message!
  }
  type UserError {
    code: String!
  }
  input SendMessageInput {
    roomId: ID!
    text: String!
  }
  type SendMessagePayload {
    message: Message
    userErrors: [UserError!]!
  }
  type Mutation {
    sendMessage(input: SendMessageInput!): SendMessagePayload!
  }
  type Subscription {
    messageAdded(roomId: ID!, after: String): MessageAddedEvent!
  }
`;

export const topicOf = (roomId) => `messages of ${roomId}`;

/**
 * @param {{ hasRoom: (id: string) => boolean, send: (roomId: string, text: string) => Promise<object> }} chat
 * @param {(roomId: string, message: object) => void} publish - tells the room's subscribers
 * @param {(context: object, roomId: string) => AsyncIterable<object>} subscribe - as the contender documents it
 */
export const resolversFor = (chat, publish, subscribe) => ({
  Query: { room: (_root, { id }) => (chat.hasRoom(id) ? { id } : null) },
  Mutation: {
    async sendMessage(_root, { input }) {
      const message = await chat.send(input.roomId, input.text);
      publish(input.roomId, message);
      return { message, userErrors: [] };
    },
  },
  Subscription: {
    messageAdded: { subscribe: (_root, { roomId }, context) => subscribe(context, roomId) },
  },
});
