/** No GraphQL at all: a JSON body in, a stored message out. */
import { createServer } from 'node:http';
import { announce } from './lib/announce.js';
import { openChat } from './lib/chat.js';

const chat = await openChat();

async function answer(response, body) {
  const { variables } = JSON.parse(body);
  const message = await chat.send(variables.input.roomId, variables.input.text);
  const text = JSON.stringify({ data: { sendMessage: { message, userErrors: [] } } });
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) });
  response.end(text);
}

announce(
  createServer((request, response) => {
    const chunks = [];
    request.on('data', (chunk) => chunks.push(chunk));
    request.on('end', () => void answer(response, Buffer.concat(chunks).toString()));
  }),
);
