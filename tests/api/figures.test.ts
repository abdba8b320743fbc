import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { readFigures, type Figures } from '../faults/figures.js';
import { openSocket, refusedUpgrade } from '../testkit/bare-socket.js';
import { request } from '../testkit/graphql-client.js';
import {
  createRoom,
  createVisitor,
  MESSAGE_ADDED,
  readPage,
  sendMessage,
  type TestVisitor,
} from '../testkit/seed.js';
import { eventually, FOUNDATIONS, useServer } from './world.js';

const MAX_SOCKETS = 12;
const MAX_SOCKETS_PER_ADDRESS = 4;
const MAX_OPERATIONS = 2;
const MAX_REPLAYED = 5;
const SMALL = 126;
const MEDIUM = 65_536;

/** What a text of so many bytes takes as a frame of a server. */
const framed = (bytes: number): number => bytes + (bytes < SMALL ? 2 : bytes < MEDIUM ? 4 : 10);

let addresses = 0;
/** An address that nobody had before: its limits are untouched. */
function elsewhere() {
  addresses += 1;
  return { headers: { 'x-forwarded-for': `198.51.100.${addresses}` } };
}

describe.each(FOUNDATIONS)('what a server counts, %s', (name) => {
  const chat = useServer(name, {
    METRICS_PORT: '0',
    TRUST_PROXY_HOPS: '1',
    RATE_LIMITS: 'on',
    ALLOWED_ORIGINS: 'https://chat.example',
    MAX_SOCKETS: String(MAX_SOCKETS),
    MAX_SOCKETS_PER_ADDRESS: String(MAX_SOCKETS_PER_ADDRESS),
    MAX_OPERATIONS_PER_SOCKET: String(MAX_OPERATIONS),
    MAX_REPLAYED_MESSAGES: String(MAX_REPLAYED),
  });
  const figures = (): Promise<Figures> => readFigures({ output: () => chat.output });
  const socketUrl = () => `${chat.url}/graphql`;

  /** Waits until each figure has grown by this much since `work` began. */
  async function grows(
    work: () => Promise<unknown>,
    expected: Readonly<Record<string, number>>,
  ): Promise<void> {
    const before = await figures();
    await work();
    const split = (key: string): [string, string] => {
      const [figure = '', label = ''] = key.split(' ');
      return [figure, label];
    };
    await eventually(
      async () => {
        const after = await figures();
        return Object.fromEntries(
          Object.keys(expected).map((key) => [key, after(...split(key)) - before(...split(key))]),
        );
      },
      (grown) => Object.entries(expected).every(([key, by]) => grown[key] === by),
    );
  }

  async function guest(): Promise<{
    visitor: TestVisitor;
    roomId: string;
    from: ReturnType<typeof elsewhere>;
  }> {
    const from = elsewhere();
    const visitor = await createVisitor(chat.url, from);
    return { visitor, roomId: await createRoom(chat.url, visitor), from };
  }

  it('upgrades, by what becomes of them', async () => {
    const port = Number(new URL(chat.url).port);
    const tried = async (path: string, headers: Record<string, string>) =>
      (await refusedUpgrade(port, path, headers)).status;
    const connects = (result: string) => `chat_ws_connects_total result="${result}"`;
    await grows(
      async () => {
        const { headers } = elsewhere();
        expect(await tried('/elsewhere', headers)).toBe(404);
        expect(await tried('/graphql', { ...headers, 'sec-websocket-protocol': 'soap' })).toBe(400);
        expect(await tried('/graphql', { ...headers, origin: 'https://evil.example' })).toBe(403);
        expect(await tried('/graphql', headers)).toBe(101);
      },
      {
        [connects('path')]: 1,
        [connects('protocol')]: 1,
        [connects('origin')]: 1,
        [connects('accepted')]: 1,
      },
    );
    const crowd = [elsewhere(), elsewhere(), elsewhere()];
    await grows(
      async () => {
        const open = crowd.map((from) =>
          Array.from({ length: MAX_SOCKETS_PER_ADDRESS }, () => openSocket(socketUrl(), from)),
        );
        await Promise.all(open.flat().map((socket) => socket.opened));
        expect(await tried('/graphql', elsewhere().headers)).toBe(503);
        for (const socket of open[0] ?? []) socket.ws.close();
        await Promise.all((open[0] ?? []).map((socket) => socket.closed()));
        await eventually(
          async () => (await figures())('chat_ws_connections'),
          (count) => count === MAX_SOCKETS - MAX_SOCKETS_PER_ADDRESS,
        );
        expect(await tried('/graphql', crowd[0]?.headers ?? {})).toBe(429);
        expect(await tried('/graphql', crowd[1]?.headers ?? {})).toBe(429);
        for (const socket of open.flat()) socket.ws.terminate();
      },
      {
        [connects('accepted')]: MAX_SOCKETS,
        [connects('capacity')]: 1,
        [connects('rate')]: 1,
        [connects('address')]: 1,
        'chat_ratelimit_rejected_total limit="connectPerAddress"': 1,
      },
    );
  });

  it('frames that come, and the bytes of all that go', async () => {
    const { visitor, roomId, from } = await guest();
    await sendMessage(chat.url, visitor, { roomId, text: 'x'.repeat(2000) });
    const socket = openSocket(socketUrl(), from);
    let bytes = 0;
    socket.ws.on('message', (data: Buffer) => (bytes += framed(data.length)));
    const before = (await figures())('chat_ws_outbound_bytes_total');
    const frames = (type: string) => `chat_ws_frames_in_total type="${type}"`;
    await grows(
      async () => {
        await socket.init({ token: visitor.token });
        socket.send({ type: 'ping', payload: { at: 1 } });
        await socket.frame('pong');
        socket.subscribe('live', MESSAGE_ADDED, { roomId });
        socket.subscribe('page', '{ rooms(first: 20) { nodes { id name createdAt } } }');
        await socket.frame('complete', 'page');
        socket.subscribe('none', '{ nope }');
        await socket.frame('error', 'none');
        await eventually(
          async () => {
            await sendMessage(chat.url, visitor, { roomId, text: '한' });
            return socket.of('live').length;
          },
          (count) => count > 0,
        );
        socket.send({ type: 'complete', id: 'live' });
        socket.send({ type: 'pong' });
        socket.send('what?');
        await socket.closed();
      },
      {
        [frames('connection_init')]: 1,
        [frames('ping')]: 1,
        [frames('subscribe')]: 3,
        [frames('complete')]: 1,
        [frames('pong')]: 1,
        [frames('invalid')]: 1,
        'chat_ws_closes_total code="4400"': 1,
      },
    );
    expect((await figures())('chat_ws_outbound_bytes_total') - before).toBe(bytes);
  });

  it('operations and rooms while they are open', async () => {
    const { visitor, roomId, from } = await guest();
    const socket = openSocket(socketUrl(), from);
    await socket.init({ token: visitor.token });
    await grows(
      async () => {
        socket.subscribe('1', MESSAGE_ADDED, { roomId });
        socket.subscribe('2', MESSAGE_ADDED, { roomId });
        socket.subscribe('3', MESSAGE_ADDED, { roomId });
        expect((await socket.frame('error', '3')).payload).toMatchObject([
          { extensions: { code: 'TOO_MANY_OPERATIONS' } },
        ]);
      },
      {
        chat_ws_operations_active: 2,
        chat_feed_active: 1,
        'chat_limit_rejections_total rule="operations",transport="ws"': 1,
      },
    );
    await grows(
      async () => {
        socket.send({ type: 'complete', id: '1' });
        socket.send({ type: 'complete', id: '2' });
      },
      { chat_ws_operations_active: -2 },
    );
  });

  it('sends by their result, and what of them is delivered once', async () => {
    const { visitor, roomId, from } = await guest();
    const { resumeCursor: after } = await readPage(chat.url, roomId, { last: 1 });
    const sockets = [openSocket(socketUrl(), from), openSocket(socketUrl(), elsewhere())];
    const before = await figures();
    for (const socket of sockets) {
      await socket.init();
      socket.subscribe('live', MESSAGE_ADDED, { roomId, after });
    }
    // In force, so that what is sent is delivered and not replayed.
    await eventually(figures, (now) => now('chat_resume_total') - before('chat_resume_total') === 2);
    const answers: string[] = [];
    async function send(text: string, idempotencyKey: string = randomUUID()): Promise<void> {
      const { duplicate, userErrors } = await sendMessage(
        chat.url,
        visitor,
        { roomId, text, idempotencyKey },
        from,
      );
      const [error] = userErrors;
      answers.push(error?.code ?? (duplicate ? 'duplicate' : 'stored'));
    }
    await send('one', 'key');
    await send('one', 'key');
    await send('another', 'key');
    await send(' ');
    const told = (answer: string): number => answers.filter((each) => each === answer).length;
    for (let count = 0; told('RATE_LIMITED') === 0; count += 1) await send(`text ${count}`);
    const stored = told('stored');
    await eventually(
      () => sockets.map((socket) => socket.of('live').length),
      (lengths) => lengths.every((length) => length === stored),
    );
    const grown = async () => {
      const now = await figures();
      const by = (figure: string, label = ''): number => now(figure, label) - before(figure, label);
      const sends = (result: string): number => by('chat_send_total', `result="${result}"`);
      return {
        results: ['stored', 'duplicate', 'conflict', 'invalid', 'rate_limited'].map(sends),
        all: by('chat_send_total'),
        acknowledged: by('chat_send_ack_seconds_count'),
        delivered: by('chat_delivery_lag_seconds_count'),
        limited: by('chat_ratelimit_rejected_total', 'limit="sendPer'),
        waiting: now('chat_writer_queue'),
      };
    };
    const wanted = {
      results: [stored, 1, 1, 1, told('RATE_LIMITED')],
      all: answers.length,
      acknowledged: stored + 1,
      delivered: stored,
      limited: told('RATE_LIMITED'),
      waiting: 0,
    };
    await expect.poll(grown, { timeout: 30_000 }).toEqual(wanted);
  });

  it('cursors that are gone on from, and what they missed', async () => {
    const { visitor, roomId, from } = await guest();
    const { resumeCursor } = await readPage(chat.url, roomId, { last: 1 });
    const cursors: (string | null)[] = [];
    for (let count = 0; count < 8; count += 1) {
      cursors.push((await sendMessage(chat.url, visitor, { roomId, text: `${count}` }, from)).cursor);
    }
    const socket = openSocket(socketUrl(), from);
    await socket.init();
    const resumes = (result: string) => `chat_resume_total result="${result}"`;
    await grows(
      async () => {
        for (const [id, after] of [
          ['1', cursors[5]],
          ['2', resumeCursor],
          ['3', 'none'],
        ] as const) {
          socket.subscribe(id, MESSAGE_ADDED, { roomId, after });
          await socket.any(id);
          socket.send({ type: 'complete', id });
        }
        expect(socket.of('3').map(({ type }) => type)).toEqual(['error']);
      },
      {
        [resumes('exact')]: 1,
        [resumes('skipped')]: 1,
        [resumes('bad_cursor')]: 1,
        chat_resume_messages_sum: 10,
        chat_delivery_lag_seconds_count: 0,
      },
    );
  });

  it('tokens that are missing or refused, and who asks too often', async () => {
    const { headers } = elsewhere();
    const failures = (reason: string) => `chat_auth_failures_total reason="${reason}"`;
    const codeOf = async (options: Parameters<typeof request>[3]) =>
      (
        await request(
          chat.url,
          'mutation { renameViewer(input: { displayName: "x" }) { visitor { id } } }',
          {},
          options,
        )
      ).errors[0]?.extensions?.code;
    await grows(
      async () => {
        expect(await codeOf({ headers })).toBe('UNAUTHENTICATED');
        expect(await codeOf({ headers: { ...headers, authorization: 'Basic x' } })).toBe('UNAUTHENTICATED');
        expect(await codeOf({ headers, token: 'x.y.z' })).toBe('UNAUTHENTICATED');
      },
      { [failures('missing')]: 1, [failures('malformed')]: 1, [failures('invalid')]: 1 },
    );
    const aliases = Array.from({ length: 15 }, (_, index) => `a${index}: viewer { id }`).join(' ');
    await grows(
      async () => {
        let refused = false;
        while (!refused) {
          const { errors } = await request(chat.url, `{ ${aliases} }`, {}, { headers });
          refused = errors[0]?.extensions?.code === 'RATE_LIMITED';
        }
      },
      { 'chat_ratelimit_rejected_total limit="queryPerCaller"': 1 },
    );
  });
});
