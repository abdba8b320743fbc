/**
 * Load from a process of its own, so that what it costs is not taken for what the server costs:
 * `node flood.js OPTIONS`, with options and result as `flood.ts` describes them, in JSON.
 */
import { connect } from 'node:net';

const TICK_MS = 5;

const {
  port,
  body,
  headers = {},
  connections,
  requestsPerSecond,
  connectsPerSecond,
  ms,
} = JSON.parse(process.argv[2]);
const moreHeaders = Object.entries(headers)
  .map(([name, value]) => `${name}: ${value}\r\n`)
  .join('');
const request = Buffer.from(
  `POST /graphql HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n${moreHeaders}\r\n${body}`,
);
const upgrade =
  'GET /graphql HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: graphql-transport-ws\r\n\r\n';

const began = performance.now();
const now = () => performance.now() - began;
const answers = [];
const upgrades = [];
const free = [];
let asked = 0;

const numberOf = (pattern, head) => Number(pattern.exec(head)?.[1] ?? 0);
const statusOf = (head) => numberOf(/^HTTP\/1\.1 (\d+)/, head);
const retryAfterOf = (head) => numberOf(/\r\nretry-after: (\d+)/i, head);

/** A connection that is kept; each answer is handed to what waits for it. */
function open() {
  const socket = connect(port, '127.0.0.1');
  const connection = { socket, done: null, isOpen: true };
  let head = '';
  let missing = null;
  let told = { status: 0, retryAfter: 0 };
  const end = (status, retryAfter) => {
    const { done } = connection;
    connection.done = null;
    done?.({ status, retryAfter });
  };
  socket.on('data', (chunk) => {
    if (missing === null) {
      head += chunk.toString('latin1');
      const length = head.indexOf('\r\n\r\n') + 4;
      if (length < 4) return;
      told = { status: statusOf(head), retryAfter: retryAfterOf(head) };
      connection.isOpen = !/\r\nconnection: close/i.test(head.slice(0, length));
      missing = numberOf(/\r\ncontent-length: (\d+)/i, head) - (head.length - length);
    } else missing -= chunk.length;
    if (missing > 0) return;
    head = '';
    missing = null;
    end(told.status, told.retryAfter);
  });
  socket.on('error', () => undefined);
  socket.on('close', () => {
    connection.isOpen = false;
    end(0, 0);
  });
  return connection;
}

const send = (connection) =>
  new Promise((resolve) => {
    const startedAt = now();
    asked += 1;
    connection.done = (answer) => {
      answers.push({ ...answer, at: now(), took: now() - startedAt });
      resolve();
    };
    connection.socket.write(request);
  });

/** As many callers who ask again as soon as they are answered. */
async function caller() {
  let connection = open();
  while (now() < ms) {
    await send(connection);
    if (!connection.isOpen) connection = open();
  }
}

function ask() {
  let connection = free.pop();
  while (connection?.isOpen === false) connection = free.pop();
  const used = connection ?? open();
  void send(used).then(() => used.isOpen && free.push(used));
}

function tryToConnect() {
  const socket = connect(port, '127.0.0.1', () => socket.write(upgrade));
  let head = '';
  socket.on('data', (chunk) => {
    head += chunk.toString('latin1');
    if (!head.includes('\r\n\r\n')) return;
    upgrades.push({ status: statusOf(head), retryAfter: retryAfterOf(head), at: now() });
    socket.destroy();
  });
  socket.on('error', () => undefined);
}

for (let index = 0; index < connections; index += 1) void caller();
let connected = 0;
const timer = setInterval(() => {
  const seconds = now() / 1000;
  if (now() >= ms) {
    clearInterval(timer);
    process.stdout.write(JSON.stringify({ asked, answers, upgrades }), () => process.exit(0));
    return;
  }
  if (connections === 0) for (let due = asked; due < seconds * requestsPerSecond; due += 1) ask();
  for (; connected < seconds * connectsPerSecond; connected += 1) tryToConnect();
}, TICK_MS);
