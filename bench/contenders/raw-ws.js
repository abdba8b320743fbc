/** No GraphQL at all: a loop over the sockets of a room, the same bytes to each. The physical limit of `ws`. */
import { createServer } from 'node:http';
import { randomUUID } from 'node:crypto';
import { WebSocketServer } from 'ws';
import { announce } from './lib/announce.js';
import { openChat } from './lib/chat.js';
import { takeLines } from './lib/take-lines.js';

const chat = await openChat();
const rooms = new Map();
const server = createServer((_request, response) => {
  response.writeHead(200, { 'content-type': 'application/json' });
  response.end('{"data":{"room":null}}');
});
const sockets = new WebSocketServer({ server, path: '/graphql', perMessageDeflate: false });

function members(roomId) {
  if (!rooms.has(roomId)) rooms.set(roomId, { id: randomUUID(), sockets: new Set() });
  return rooms.get(roomId);
}

function publish(roomId, message) {
  const room = members(roomId);
  const next = { id: room.id, type: 'next', payload: { data: { messageAdded: { message } } } };
  const bytes = Buffer.from(JSON.stringify(next));
  for (const member of room.sockets) member.send(bytes, { binary: false });
}

async function send(ws, { id, room: roomId, text }) {
  const message = await chat.send(roomId, text);
  ws.send(JSON.stringify({ id, type: 'sent' }));
  publish(roomId, message);
}

sockets.on('connection', (ws) => {
  ws.on('message', (data) => {
    const message = JSON.parse(data.toString());
    if (message.type === 'subscribe') {
      const room = members(message.room);
      room.sockets.add(ws);
      ws.once('close', () => room.sockets.delete(ws));
    } else void send(ws, message);
  });
});
takeLines((roomId, text) => publish(roomId, chat.make(roomId, text)));
announce(server);
