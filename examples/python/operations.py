from gql import gql

CREATE_VISITOR = gql("mutation { createVisitor { token } }")
CREATE_ROOM = gql(
    "mutation ($name: String!) { createRoom(input: { name: $name }) { room { id messages { resumeCursor } } } }"
)
SEND = gql("mutation ($input: SendMessageInput!) { sendMessage(input: $input) { cursor } }")
MESSAGES = gql(
    """subscription ($roomId: ID!, $after: String) {
    event: messageAdded(roomId: $roomId, after: $after) { cursor message { number text } } }"""
)
ROOMS = gql(
    "subscription ($after: String) { event: roomsChanged(after: $after) { cursor rooms { id messageCount } } }"
)
