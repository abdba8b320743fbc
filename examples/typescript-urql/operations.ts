export const CREATE_VISITOR = 'mutation { createVisitor { token } }';
export type VisitorCreated = { createVisitor: { token: string } };

export const CREATE_ROOM = `mutation ($name: String!) {
  createRoom(input: { name: $name }) { room { id messages { resumeCursor } } } }`;
export type RoomCreated = { createRoom: { room: { id: string; messages: { resumeCursor: string } } } };

export const SEND = 'mutation ($input: SendMessageInput!) { sendMessage(input: $input) { cursor } }';

// Every subscription calls its field `event`, so that one link finds the cursor of them all.
export const MESSAGES = `subscription ($roomId: ID!, $after: String) {
  event: messageAdded(roomId: $roomId, after: $after) { cursor message { number text } } }`;
export type MessageAdded = { event: { cursor: string; message: { number: number; text: string } } };

export const ROOMS = `subscription ($after: String) {
  event: roomsChanged(after: $after) { cursor rooms { id messageCount } } }`;
export type RoomsChanged = { event: { cursor: string; rooms: { id: string; messageCount: number }[] } };
