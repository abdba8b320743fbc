// Read by relay-compiler alone; what it makes of them is in compiled/. A bundler's plugin would join the two.
import { graphql } from 'relay-runtime';

graphql`
  mutation documentsVisitorMutation {
    createVisitor(input: {}) {
      token
    }
  }
`;
graphql`
  mutation documentsRoomMutation($name: String!) {
    createRoom(input: { name: $name }) {
      room {
        id
        messages {
          resumeCursor
        }
      }
    }
  }
`;
graphql`
  mutation documentsSendMutation($input: SendMessageInput!) {
    sendMessage(input: $input) {
      cursor
    }
  }
`;
graphql`
  subscription documentsMessagesSubscription($roomId: ID!, $after: String) {
    event: messageAdded(roomId: $roomId, after: $after) {
      cursor
      message {
        number
        text
      }
    }
  }
`;
graphql`
  subscription documentsRoomsSubscription($after: String) {
    event: roomsChanged(after: $after) {
      cursor
      rooms {
        id
        messageCount
      }
    }
  }
`;
