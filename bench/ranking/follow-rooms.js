/**
 * Many sockets that follow the list of rooms. Says `following` when each has the whole list, and `figures N {…}` at the
 * N-th SIGUSR2: what arrived since the last one. All who go from one cursor to another must be sent the same bytes.
 */
import { WebSocket } from 'ws';

const COUNT = Number(process.env.COUNT);
const AT_ONCE = 100;
const URL = `ws://127.0.0.1:${process.env.PORT}/graphql`;
const QUERY =
  'subscription { roomsChanged(first: 50) { cursor complete rooms { id name recentVisitorCount onlineCount } order } }';

let deliveries = 0;
let bytes = 0;
/** What leads from one cursor to another. */
let changes = new Map();

function fail(why) {
  console.error(why);
  process.exit(1);
}

function follow() {
  return new Promise((resolve) => {
    const socket = new WebSocket(URL, 'graphql-transport-ws', { perMessageDeflate: false });
    let cursor = '';
    socket.once('open', () => socket.send('{"type":"connection_init"}'));
    socket.once('close', (code) => fail(`a socket was closed: ${code}`));
    socket.on('error', (error) => fail(error.message));
    socket.on('message', (/** @type {Buffer} */ data) => {
      const text = data.toString('latin1');
      if (text.startsWith('{"type":"ping"')) return socket.send('{"type":"pong"}');
      if (text.includes('"connection_ack"')) {
        return socket.send(JSON.stringify({ type: 'subscribe', id: '1', payload: { query: QUERY } }));
      }
      const next = /"cursor":"([^"]+)"/.exec(text)?.[1];
      if (next === undefined) return fail(`not an event: ${text.slice(0, 300)}`);
      const step = `${cursor}>${next}`;
      cursor = next;
      deliveries += 1;
      bytes += data.length;
      if (!changes.has(step)) changes.set(step, text);
      else if (changes.get(step) !== text) fail(`two events for ${step}`);
      resolve();
    });
  });
}

for (let opened = 0; opened < COUNT; opened += AT_ONCE) {
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, COUNT - opened) }, follow));
}

let asked = 0;
process.on('SIGUSR2', () => {
  asked += 1;
  console.log(`figures ${asked} ${JSON.stringify({ deliveries, bytes, changes: changes.size })}`);
  deliveries = 0;
  bytes = 0;
  changes = new Map();
});
console.log('following');
