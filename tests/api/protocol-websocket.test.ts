import { randomUUID } from 'node:crypto';
import type { Socket } from 'node:net';
import type { WebSocket } from 'ws';
import { describe, expect, it } from 'vitest';
import { ask } from '../testkit/graphql-client.js';
import { createRoom, createVisitor, MESSAGE_ADDED, readPage, sendMessage } from '../testkit/seed.js';
import { openSocket, refusedUpgrade } from '../testkit/bare-socket.js';
import { eventually, useServer } from './world.js';

/** Hands over several messages at once, so that the server reads them in one go. */
function inOnePacket(ws: WebSocket, send: () => void): void {
  const socket = Reflect.get(ws, '_socket') as Socket;
  socket.cork();
  send();
  socket.uncork();
}

/** Each test is named after the rule of the graphql-transport-ws protocol document that it holds. */
describe('graphql-transport-ws, with a bare socket', () => {
  const chat = useServer('embedded');
  const connect = (protocols?: string[]) =>
    openSocket(`${chat.url}/graphql`, protocols === undefined ? {} : { protocols });
  const SETTINGS = '{ settings { maxMessageLength } }';
  const ROOMS_CHANGED = 'subscription { roomsChanged { cursor } }';

  /** Who follows the room after this cursor is given also what is stored before the subscription is in force. */
  async function roomAndVisitor() {
    const visitor = await createVisitor(chat.url);
    const roomId = await createRoom(chat.url, visitor);
    const { resumeCursor: after } = await readPage(chat.url, roomId, { last: 1 });
    return { visitor, roomId, after };
  }
  async function acknowledged() {
    const socket = connect();
    await socket.init();
    return socket;
  }

  describe('Communication', () => {
    it('the subprotocol is graphql-transport-ws, also when it is one of several', async () => {
      const socket = connect(['graphql-ws', 'graphql-transport-ws']);
      await socket.init();
      expect(socket.ws.protocol).toBe('graphql-transport-ws');
    });

    it('without the subprotocol the upgrade is refused before the handshake', async () => {
      const port = Number(new URL(chat.url).port);
      const refused = await refusedUpgrade(port, '/graphql', { 'sec-websocket-protocol': 'graphql-ws' });
      expect(refused.status).toBe(400);
    });

    it.each([
      ['text that is no JSON', 'hello'],
      ['JSON that is no object', '[]'],
      ['a message without a type', '{"id":"1"}'],
      ['a type that is no text', '{"type":1}'],
      ['a type that the document does not know', '{"type":"connection_terminate"}'],
      ['the start of the old subprotocol', '{"type":"start","id":"1","payload":{"query":"{ __typename }"}}'],
      ['an empty message', ''],
    ])('a message of a type or format that is not specified closes with 4400: %s', async (_, frame) => {
      const socket = await acknowledged();
      socket.send(frame);
      expect((await socket.closed()).code).toBe(4400);
    });

    it.each([
      ['no id', { type: 'subscribe', payload: { query: SETTINGS } }],
      ['an empty id', { type: 'subscribe', id: '', payload: { query: SETTINGS } }],
      ['an id that is no text', { type: 'subscribe', id: 1, payload: { query: SETTINGS } }],
      ['no payload', { type: 'subscribe', id: '1' }],
      ['no query', { type: 'subscribe', id: '1', payload: {} }],
      ['a query that is no text', { type: 'subscribe', id: '1', payload: { query: 1 } }],
      [
        'variables that are no object',
        { type: 'subscribe', id: '1', payload: { query: SETTINGS, variables: 'x' } },
      ],
      [
        'an operation name that is no text',
        { type: 'subscribe', id: '1', payload: { query: SETTINGS, operationName: 1 } },
      ],
      [
        'extensions that are no object',
        { type: 'subscribe', id: '1', payload: { query: SETTINGS, extensions: 'x' } },
      ],
    ])('a subscribe message with %s closes with 4400', async (_, frame) => {
      const socket = await acknowledged();
      socket.send(frame);
      expect((await socket.closed()).code).toBe(4400);
    });

    it('a complete message without an id closes with 4400', async () => {
      const socket = await acknowledged();
      socket.send({ type: 'complete' });
      expect((await socket.closed()).code).toBe(4400);
    });

    it.each(['ping', 'pong', 'connection_init'])(
      'a payload of %s that is no object closes with 4400',
      async (type) => {
        const socket = connect();
        await socket.opened;
        socket.send({ type, payload: 'text' });
        expect((await socket.closed()).code).toBe(4400);
      },
    );

    it.each(['connection_ack', 'next', 'error'])(
      'a message that only servers send closes with 4400: %s',
      async (type) => {
        const socket = await acknowledged();
        socket.send({ type, id: '1', payload: type === 'error' ? [{ message: 'x' }] : {} });
        expect((await socket.closed()).code).toBe(4400);
      },
    );

    it('messages are text: a binary one closes with 4400', async () => {
      const socket = connect();
      await socket.opened;
      socket.ws.send(Buffer.from('{"type":"connection_init"}'), { binary: true });
      expect((await socket.closed()).code).toBe(4400);
    });
  });

  describe('ConnectionInit and ConnectionAck', () => {
    it('connection_init is answered with connection_ack, with the visitor as its payload', async () => {
      const socket = connect();
      const ack = await socket.init();
      expect(ack).toMatchObject({ token: expect.any(String), visitor: { id: expect.any(String) } });
      expect(socket.frames).toHaveLength(1);
    });

    it('a payload of null is none', async () => {
      const socket = connect();
      await socket.opened;
      socket.send({ type: 'connection_init', payload: null });
      expect(await socket.frame('connection_ack')).toBeDefined();
    });

    it('no connection_init within the waiting time closes with 4408: Connection initialisation timeout', async () => {
      const socket = connect();
      expect(await socket.closed()).toEqual({ code: 4408, reason: 'Connection initialisation timeout' });
    });

    it('a second connection_init closes with 4429: Too many initialisation requests', async () => {
      const socket = await acknowledged();
      socket.send({ type: 'connection_init' });
      expect(await socket.closed()).toEqual({ code: 4429, reason: 'Too many initialisation requests' });
    });

    it('a second connection_init before the acknowledgement closes with 4429 too', async () => {
      const socket = connect();
      await socket.opened;
      inOnePacket(socket.ws, () => {
        socket.send({ type: 'connection_init' });
        socket.send({ type: 'connection_init' });
      });
      expect((await socket.closed()).code).toBe(4429);
    });

    it('a server that refuses the connection closes with 4403', async () => {
      const socket = connect();
      await socket.opened;
      socket.send({ type: 'connection_init', payload: { token: 'no token' } });
      expect((await socket.closed()).code).toBe(4403);
      expect(socket.frames).toEqual([]);
    });
  });

  describe('Ping and Pong', () => {
    it('a ping is answered with a pong, before the acknowledgement too', async () => {
      const socket = connect();
      await socket.opened;
      socket.send({ type: 'ping' });
      expect(await socket.frame('pong')).toEqual({ type: 'pong' });
    });

    it('a pong carries the payload of its ping', async () => {
      const socket = await acknowledged();
      socket.send({ type: 'ping', payload: { at: 1 } });
      expect(await socket.frame('pong')).toEqual({ type: 'pong', payload: { at: 1 } });
    });

    it('a pong that nobody asked for is passed over, at any time', async () => {
      const socket = connect();
      await socket.opened;
      socket.send({ type: 'pong' });
      await socket.init();
      socket.send({ type: 'pong', payload: { at: 1 } });
      socket.subscribe('1', SETTINGS);
      await socket.frame('complete', '1');
      expect(socket.frames.map(({ type }) => type)).toEqual(['connection_ack', 'next', 'complete']);
    });

    it('the server pings by WebSocket ping frames alone, and lives on pongs', async () => {
      const socket = await acknowledged();
      await new Promise<void>((resolve) => socket.ws.once('ping', () => resolve()));
      expect(socket.frames.filter(({ type }) => type === 'ping')).toEqual([]);
      socket.subscribe('1', SETTINGS);
      await socket.frame('complete', '1');
    });
  });

  describe('Subscribe', () => {
    it('before connection_init closes with 4401: Unauthorized', async () => {
      const socket = connect();
      await socket.opened;
      socket.subscribe('1', SETTINGS);
      expect(await socket.closed()).toEqual({ code: 4401, reason: 'Unauthorized' });
    });

    it('before the acknowledgement closes with 4401: Unauthorized', async () => {
      const socket = connect();
      await socket.opened;
      inOnePacket(socket.ws, () => {
        socket.send({ type: 'connection_init' });
        socket.subscribe('1', SETTINGS);
      });
      expect((await socket.closed()).code).toBe(4401);
    });

    it('with the id of an operation that waits for the one before it closes with 4409 too', async () => {
      const socket = await acknowledged();
      inOnePacket(socket.ws, () => {
        socket.subscribe('same', ROOMS_CHANGED);
        socket.send({ type: 'complete', id: 'same' });
        socket.subscribe('same', ROOMS_CHANGED);
        socket.subscribe('same', ROOMS_CHANGED);
      });
      expect((await socket.closed()).code).toBe(4409);
    });

    it('with the id of an operation that runs closes with 4409: Subscriber for ID already exists', async () => {
      const socket = await acknowledged();
      socket.subscribe('same', ROOMS_CHANGED);
      await socket.frame('next', 'same');
      socket.subscribe('same', ROOMS_CHANGED);
      expect(await socket.closed()).toEqual({ code: 4409, reason: 'Subscriber for same already exists' });
    });

    it('twice with one id in the same breath closes with 4409 too', async () => {
      const socket = await acknowledged();
      socket.subscribe('same', ROOMS_CHANGED);
      socket.subscribe('same', ROOMS_CHANGED);
      expect((await socket.closed()).code).toBe(4409);
    });

    it('may use an id again after the server completed the operation', async () => {
      const socket = await acknowledged();
      for (const round of [1, 2]) {
        socket.subscribe('1', SETTINGS);
        await expect.poll(() => socket.of('1'), { timeout: 20_000 }).toHaveLength(2 * round);
      }
      expect(socket.of('1').map(({ type }) => type)).toEqual(['next', 'complete', 'next', 'complete']);
    });

    it('may use an id again after the client completed the operation', async () => {
      const socket = await acknowledged();
      const { visitor, roomId } = await roomAndVisitor();
      socket.subscribe('1', MESSAGE_ADDED, { roomId });
      socket.subscribe('barrier', SETTINGS);
      await socket.frame('complete', 'barrier');
      inOnePacket(socket.ws, () => {
        socket.send({ type: 'complete', id: '1' });
        socket.subscribe('1', SETTINGS);
      });
      await socket.frame('complete', '1');
      await sendMessage(chat.url, visitor, { roomId, text: 'not for you' });
      expect(socket.of('1').map(({ type }) => type)).toEqual(['next', 'complete']);
    });

    it('may use an id again while the operation before it still starts: only the newest lives', async () => {
      const socket = await acknowledged();
      const before = await roomAndVisitor();
      const { visitor, roomId, after } = await roomAndVisitor();
      const barrier = async (id: string) => {
        socket.subscribe(id, SETTINGS);
        await socket.frame('complete', id);
      };
      inOnePacket(socket.ws, () => {
        for (let round = 1; round <= 20; round += 1) {
          socket.subscribe('1', MESSAGE_ADDED, { roomId: before.roomId });
          socket.send({ type: 'complete', id: '1' });
        }
        socket.subscribe('1', MESSAGE_ADDED, { roomId, after });
      });
      await barrier('joined');
      await sendMessage(chat.url, before.visitor, { roomId: before.roomId, text: 'not for you' });
      await sendMessage(chat.url, visitor, { roomId, text: 'for you' });
      await socket.frame('next', '1');
      socket.send({ type: 'complete', id: '1' });
      await barrier('left');
      await sendMessage(chat.url, visitor, { roomId, text: 'too late' });
      await barrier('told');
      expect(socket.of('1')).toMatchObject([
        { type: 'next', payload: { data: { messageAdded: { message: { text: 'for you' } } } } },
      ]);
    });

    it('may use an id again after an error', async () => {
      const socket = await acknowledged();
      socket.subscribe('1', '{ nothing }');
      await socket.frame('error', '1');
      socket.subscribe('1', SETTINGS);
      expect(await socket.frame('complete', '1')).toBeDefined();
    });
  });

  describe('Next, Error and Complete', () => {
    it('a query or mutation is one next and complete', async () => {
      const socket = await acknowledged();
      socket.subscribe('query', SETTINGS);
      socket.subscribe('mutation', 'mutation { createVisitor { visitor { id } } }');
      await socket.frame('complete', 'query');
      await socket.frame('complete', 'mutation');
      expect(socket.of('query')).toEqual([
        { type: 'next', id: 'query', payload: { data: { settings: { maxMessageLength: 2000 } } } },
        { type: 'complete', id: 'query' },
      ]);
      expect(socket.of('mutation').map(({ type }) => type)).toEqual(['next', 'complete']);
    });

    it('an error of a field is in the payload of next', async () => {
      const socket = await acknowledged();
      socket.subscribe('1', '{ rooms(after: "x") { totalCount } settings { maxMessageLength } }');
      const { payload } = await socket.frame('next', '1');
      expect(payload).toMatchObject({
        data: { rooms: null, settings: { maxMessageLength: 2000 } },
        errors: [{ path: ['rooms'], extensions: { code: 'BAD_CURSOR' } }],
      });
      await socket.frame('complete', '1');
    });

    it.each([
      ['syntax', '{', {}, 'GRAPHQL_PARSE_FAILED'],
      ['validation', '{ nothing }', {}, 'GRAPHQL_VALIDATION_FAILED'],
      ['variables', 'query ($id: ID!) { room(id: $id) { id } }', {}, 'BAD_USER_INPUT'],
      ['a room that is none', MESSAGE_ADDED, { roomId: 'x' }, 'ROOM_NOT_FOUND'],
    ])(
      'what fails before it runs is one error, and nothing after it: %s',
      async (_, query, variables, code) => {
        const socket = await acknowledged();
        socket.subscribe('1', query, variables);
        const { payload } = await socket.frame('error', '1');
        expect(payload).toMatchObject([{ message: expect.any(String), extensions: { code } }]);
        socket.subscribe('2', SETTINGS);
        await socket.frame('complete', '2');
        expect(socket.of('1')).toHaveLength(1);
      },
    );

    it('an error ends its operation alone', async () => {
      const socket = await acknowledged();
      const { visitor, roomId, after } = await roomAndVisitor();
      socket.subscribe('lives', MESSAGE_ADDED, { roomId, after });
      socket.subscribe('dies', '{');
      await socket.frame('error', 'dies');
      socket.subscribe('barrier', SETTINGS);
      await socket.frame('complete', 'barrier');
      await sendMessage(chat.url, visitor, { roomId, text: 'still here' });
      expect(await socket.frame('next', 'lives')).toBeDefined();
    });

    it('complete of a client ends the subscription, and the server does not answer it', async () => {
      const socket = await acknowledged();
      const { visitor, roomId, after } = await roomAndVisitor();
      socket.subscribe('stopped', MESSAGE_ADDED, { roomId, after });
      socket.subscribe('other', MESSAGE_ADDED, { roomId, after });
      socket.send({ type: 'complete', id: 'stopped' });
      socket.subscribe('barrier', SETTINGS);
      await socket.frame('complete', 'barrier');
      await sendMessage(chat.url, visitor, { roomId, text: 'for the other' });
      await socket.frame('next', 'other');
      expect(socket.of('stopped')).toEqual([]);
    });

    it('complete of an operation that is none is passed over', async () => {
      const socket = await acknowledged();
      socket.send({ type: 'complete', id: 'nobody' });
      socket.subscribe('1', SETTINGS);
      expect(await socket.frame('complete', '1')).toBeDefined();
    });

    it('operations run side by side, each under its own id', async () => {
      const socket = await acknowledged();
      const { visitor, roomId, after } = await roomAndVisitor();
      for (const id of ['a', 'b', 'c']) socket.subscribe(id, MESSAGE_ADDED, { roomId, after });
      socket.subscribe('query', SETTINGS);
      await socket.frame('complete', 'query');
      const text = randomUUID();
      await sendMessage(chat.url, visitor, { roomId, text });
      for (const id of ['a', 'b', 'c']) {
        const { payload } = await socket.frame('next', id);
        expect(payload).toMatchObject({ data: { messageAdded: { message: { text } } } });
      }
    });

    it('a socket that closes ends its operations', async () => {
      const socket = await acknowledged();
      const { roomId } = await roomAndVisitor();
      const online = async () => {
        const { room } = await ask<{ room: { onlineCount: number } }>(
          chat.url,
          'query ($roomId: ID!) { room(id: $roomId) { onlineCount } }',
          { roomId },
        );
        return room.onlineCount;
      };
      socket.subscribe('1', MESSAGE_ADDED, { roomId });
      await eventually(online, (count) => count === 1);
      socket.ws.close(1000);
      expect((await socket.closed()).code).toBe(1000);
      expect(await eventually(online, (count) => count === 0)).toBe(0);
    });
  });
});
