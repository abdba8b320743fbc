import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  createMemoryStorage,
  createSocket,
  type Exclusive,
  type Network,
  type Socket,
} from '../../../client/kit/index.js';
import { sendMessage, roomPage } from '../../../client/kit/documents.js';
import { environmentWith } from './support/environment.js';
import { createFakeWebSocket } from './support/fake-web-socket.js';

const START = Date.parse('2026-01-01T00:00:00.000Z');
const INPUT = { input: { roomId: 'r', text: 'hello', idempotencyKey: 'k' } };

describe('socket', () => {
  let open: Socket[] = [];
  beforeEach(() => {
    vi.useFakeTimers({ now: START });
  });
  afterEach(() => {
    for (const socket of open) socket.close();
    open = [];
    vi.useRealTimers();
  });

  function start(
    options: {
      random?: number;
      storage?: ReturnType<typeof createMemoryStorage>;
      network?: Network;
      exclusive?: Exclusive;
    } = {},
  ) {
    const fake = createFakeWebSocket();
    const storage = options.storage ?? createMemoryStorage();
    const socket = createSocket({
      url: 'ws://chat.test/graphql',
      storage,
      environment: environmentWith(options.random ?? 0.5),
      webSocket: fake.FakeSocket,
      ...(options.network === undefined ? {} : { network: options.network }),
      ...(options.exclusive === undefined ? {} : { exclusive: options.exclusive }),
    });
    open.push(socket);
    return { ...fake, socket, storage };
  }

  it('keeps the visitor and the token over reconnects', async () => {
    const { socket, sockets, last } = start();
    await vi.advanceTimersByTimeAsync(0);
    await last().accept();
    expect(last().frames).toEqual([{ type: 'connection_init', payload: {} }]);
    await last().welcome('ana', 'token-1');
    expect(socket.state.get()).toBe('connected');
    expect(socket.visitorId.get()).toBe('ana');
    last().end(1006);
    expect(socket.state.get()).toBe('reconnecting');
    await vi.advanceTimersByTimeAsync(500);
    expect(sockets).toHaveLength(2);
    await last().accept();
    expect(last().frames).toEqual([{ type: 'connection_init', payload: { token: 'token-1' } }]);
  });

  it('keeps the token over pages', async () => {
    const first = start();
    await vi.advanceTimersByTimeAsync(0);
    await first.last().welcome('ana', 'token-1');
    const second = start({ storage: first.storage });
    await vi.advanceTimersByTimeAsync(0);
    await second.last().accept();
    expect(second.last().frames[0]?.payload).toEqual({ token: 'token-1' });
  });

  it('makes one guest of two pages that begin at once, and waits for none that sleeps', async () => {
    const storage = createMemoryStorage();
    let last: Promise<unknown> = Promise.resolve();
    const exclusive = (task: () => Promise<void>) => (last = last.then(task));
    const [first, second] = [start({ storage, exclusive }), start({ storage, exclusive })];
    await vi.advanceTimersByTimeAsync(0);
    await first.last().accept();
    const accepted = second.last().accept();
    await vi.advanceTimersByTimeAsync(100);
    expect(second.last().frames).toEqual([]);
    const visitor = { id: 'ana', displayName: 'ana' };
    const payload = { visitor, token: 'token-1', expiresAt: '2026-02-01T00:00:00.000Z' };
    await first.last().receive({ type: 'connection_ack', payload });
    await accepted;
    expect(second.last().frames[0]?.payload).toEqual({ token: 'token-1' });

    const asleep = createMemoryStorage();
    const third = start({ storage: asleep, exclusive: () => new Promise(() => {}) });
    await vi.advanceTimersByTimeAsync(0);
    const opened = third.last().accept();
    await vi.advanceTimersByTimeAsync(2000);
    await opened;
    expect(third.last().frames[0]?.payload).toEqual({});
  });

  it('is the guest that another page became while it was taken in itself, however long each waited', async () => {
    const storage = createMemoryStorage();
    const [first, second] = [start({ storage }), start({ storage })];
    await vi.advanceTimersByTimeAsync(0);
    await first.last().accept();
    await second.last().accept();
    await first.last().welcome('ana', 'token-1');
    const states: string[] = [];
    second.socket.state.watch(() => states.push(second.socket.state.get()));
    const payload = { visitor: { id: 'bob' }, token: 'token-2', expiresAt: '2026-02-01T00:00:00.000Z' };
    await second.last().receive({ type: 'connection_ack', payload });
    await vi.advanceTimersByTimeAsync(0);
    await second.last().accept();
    expect(second.last().frames[0]?.payload).toEqual({ token: 'token-1' });
    await second.last().welcome('ana', 'token-1');
    expect(states).toEqual(['connected']);
    expect(second.socket.visitorId.get()).toBe('ana');
    expect(second.sockets).toHaveLength(2);
  });

  it('lets a page that connects finish its turn, though it is brought to the front meanwhile', async () => {
    const storage = createMemoryStorage();
    let turns: Promise<unknown> = Promise.resolve();
    const exclusive = (task: () => Promise<void>) => (turns = turns.then(task));
    let front = () => {};
    const network: Network = {
      online: () => true,
      watch(listener) {
        front = listener;
        return () => {};
      },
    };
    const [first, second] = [start({ storage, exclusive, network }), start({ storage, exclusive })];
    await vi.advanceTimersByTimeAsync(0);
    await first.last().accept();
    void second.last().accept();
    front();
    await vi.advanceTimersByTimeAsync(100);
    expect(second.last().frames).toEqual([]);
  });

  it('keeps the visitor when the storage takes nothing', async () => {
    const storage = {
      ...createMemoryStorage(),
      set: () => {
        throw new Error('full');
      },
    };
    const { socket, last } = start({ storage });
    await vi.advanceTimersByTimeAsync(0);
    await last().welcome('ana', 'token-1');
    expect(socket.state.get()).toBe('connected');
    last().end(1006);
    await vi.advanceTimersByTimeAsync(500);
    await last().accept();
    expect(last().frames[0]?.payload).toEqual({ token: 'token-1' });
  });

  it('renews once a minute, not without a pause, when the clock is ahead of every token', async () => {
    const { last } = start();
    await vi.advanceTimersByTimeAsync(0);
    await last().welcome('ana', 'token-1', new Date(START - 1000).toISOString());
    const renewals = () => last().frames.filter(({ type }) => type === 'subscribe').length;
    const seconds = async (count: number) => {
      for (let second = 0; second < count; second += 1) {
        await vi.advanceTimersByTimeAsync(1000);
        await last().receive({ type: 'pong' });
      }
    };
    await seconds(59);
    expect(renewals()).toBe(0);
    await seconds(1);
    expect(renewals()).toBe(1);
  });

  it('opens no connection for what is asked after one was closed for good', async () => {
    const { socket, sockets, last } = start();
    await vi.advanceTimersByTimeAsync(0);
    await last().welcome('ana');
    last().end(1011);
    await vi.advanceTimersByTimeAsync(1000);
    expect(socket.state.get()).toBe('closed');
    await expect(socket.execute(roomPage, { roomId: 'r', last: 1, before: null })).rejects.toMatchObject({
      code: 'CLOSED',
    });
    await vi.advanceTimersByTimeAsync(60_000);
    expect(sockets).toHaveLength(1);
  });

  it('FOLLOW-3: retries for ever with full jitter from 0.5 s doubling to 4 s, where a restart would be over, then to 30 s', async () => {
    const { sockets, last } = start({ random: 0.999 });
    await vi.advanceTimersByTimeAsync(0);
    const waits: number[] = [];
    for (let failure = 0; failure < 12; failure++) {
      const before = sockets.length;
      const failedAt = Date.now();
      last().refuse();
      while (sockets.length === before) await vi.advanceTimersByTimeAsync(10);
      waits.push(Math.round((Date.now() - failedAt) / 100) / 10);
    }
    expect(waits).toEqual([0.5, 1, 2, 4, 4, 4, 4, 4, 8, 16, 30, 30]);
  });

  it('FOLLOW-3: waits up to 5 s more after a drain (1012), and not after another end', async () => {
    const { sockets, last } = start({ random: 0.9 });
    await vi.advanceTimersByTimeAsync(0);
    await last().welcome('ana');
    last().end(1012);
    await vi.advanceTimersByTimeAsync(4900);
    expect(sockets).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(100);
    expect(sockets).toHaveLength(2);
    await last().welcome('ana');
    last().end(1006);
    await vi.advanceTimersByTimeAsync(460);
    expect(sockets).toHaveLength(3);
  });

  it('drops a token that is refused (4403), goes on as a fresh guest, and says so', async () => {
    const { socket, last, storage } = start();
    await vi.advanceTimersByTimeAsync(0);
    await last().welcome('ana', 'token-1');
    last().end(4403);
    expect(socket.replaced.get()).toBe(1);
    await vi.advanceTimersByTimeAsync(500);
    await last().accept();
    expect(last().frames[0]?.payload).toEqual({});
    await last().receive({
      type: 'connection_ack',
      payload: { visitor: { id: 'bo' }, token: 'token-2', expiresAt: '2026-02-01T00:00:00Z' },
    });
    expect(socket.visitorId.get()).toBe('bo');
    expect(storage.get('madang.token')).toContain('token-2');
  });

  it('keeps a newer token that another page stored meanwhile', async () => {
    const { last, storage } = start();
    await vi.advanceTimersByTimeAsync(0);
    await last().welcome('ana', 'token-1');
    storage.set(
      'madang.token',
      JSON.stringify({ token: 'token-2', obtainedAt: START, expiresAt: START + 1000 }),
    );
    last().end(4403);
    await vi.advanceTimersByTimeAsync(500);
    await last().accept();
    expect(last().frames[0]?.payload).toEqual({ token: 'token-2' });
  });

  it('takes broken storage for an empty one', async () => {
    const storage = createMemoryStorage();
    storage.set('madang.token', '{"token":');
    const { last } = start({ storage });
    await vi.advanceTimersByTimeAsync(0);
    await last().accept();
    expect(last().frames[0]?.payload).toEqual({});
  });

  it.each([4400, 4500, 1008])('gives up after close code %i, which no retry heals', async (code) => {
    const { socket, sockets, last } = start();
    await vi.advanceTimersByTimeAsync(0);
    await last().welcome('ana');
    last().end(code);
    await vi.advanceTimersByTimeAsync(120_000);
    expect(sockets).toHaveLength(1);
    expect(socket.state.get()).toBe('closed');
  });

  it('renews the token at half of its life, and again half-way through the next', async () => {
    const { last, storage } = start();
    await vi.advanceTimersByTimeAsync(0);
    await last().welcome('ana', 'token-1', new Date(START + 600_000).toISOString());
    const ticking = vi.advanceTimersByTimeAsync(300_000);
    const pongs = setInterval(() => void last().receive({ type: 'pong' }), 1000);
    await ticking;
    const renewals = () => last().frames.filter((frame) => frame.type === 'subscribe');
    expect(renewals()).toHaveLength(1);
    const expiresAt = new Date(Date.now() + 600_000).toISOString();
    await last().receive({
      type: 'next',
      id: renewals()[0]!.id,
      payload: { data: { createVisitor: { token: 'token-2', expiresAt } } },
    });
    expect(storage.get('madang.token')).toContain('token-2');
    await vi.advanceTimersByTimeAsync(299_000);
    expect(renewals()).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(2000);
    expect(renewals()).toHaveLength(2);
    clearInterval(pongs);
  });

  it('asks again for a token that it was refused, after the wait that the server asks for', async () => {
    const { last, storage } = start({ random: 0 });
    await vi.advanceTimersByTimeAsync(0);
    await last().welcome('ana', 'token-1', new Date(START + 600_000).toISOString());
    const pongs = setInterval(() => void last().receive({ type: 'pong' }), 1000);
    const renewals = () => last().frames.filter((frame) => frame.type === 'subscribe');
    const answer = (createVisitor: object | null) =>
      last().receive({ type: 'next', id: renewals().at(-1)!.id, payload: { data: { createVisitor } } });
    await vi.advanceTimersByTimeAsync(300_000);
    const refusal = { code: 'RATE_LIMITED', message: 'Slow down.', retryAfterMs: 40_000 };
    await answer({ token: null, expiresAt: null, userErrors: [refusal] });
    await vi.advanceTimersByTimeAsync(39_999);
    expect(renewals()).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(1);
    expect(renewals()).toHaveLength(2);
    await answer(null);
    await vi.advanceTimersByTimeAsync(0);
    expect(renewals()).toHaveLength(3);
    const expiresAt = new Date(Date.now() + 600_000).toISOString();
    await answer({ token: 'token-2', expiresAt, userErrors: [] });
    expect(storage.get('madang.token')).toContain('token-2');
    clearInterval(pongs);
  });

  it('gives up a connection that leaves a ping unanswered', async () => {
    const { socket, sockets, last } = start();
    await vi.advanceTimersByTimeAsync(0);
    await last().welcome('ana');
    await vi.advanceTimersByTimeAsync(10_000);
    expect(last().frames.at(-1)).toEqual({ type: 'ping' });
    await vi.advanceTimersByTimeAsync(5000);
    expect(socket.state.get()).toBe('reconnecting');
    await vi.advanceTimersByTimeAsync(500);
    expect(sockets).toHaveLength(2);
  });

  it('is offline when the browser says so, and back at once when it says otherwise', async () => {
    let online = true;
    let told = () => {};
    const network: Network = { online: () => online, watch: (listener) => ((told = listener), () => {}) };
    const { socket, sockets, last } = start({ network, random: 0.999 });
    await vi.advanceTimersByTimeAsync(0);
    await last().welcome('ana');
    online = false;
    told();
    expect(socket.state.get()).toBe('offline');
    for (let failure = 0; failure < 5; failure++) {
      await vi.advanceTimersByTimeAsync(30_000);
      last().refuse();
    }
    expect(socket.state.get()).toBe('offline');
    const before = sockets.length;
    online = true;
    told();
    await vi.advanceTimersByTimeAsync(0);
    expect(sockets).toHaveLength(before + 1);
    expect(socket.state.get()).toBe('reconnecting');
    await last().welcome('ana');
    expect(socket.state.get()).toBe('connected');
  });

  it('runs a query again when the connection ends before its answer', async () => {
    const { socket, last } = start();
    await vi.advanceTimersByTimeAsync(0);
    await last().welcome('ana');
    const answer = socket.execute(roomPage, { roomId: 'r', last: 50 });
    await vi.advanceTimersByTimeAsync(0);
    last().end(1006);
    await vi.advanceTimersByTimeAsync(500);
    await last().welcome('ana');
    await vi.advanceTimersByTimeAsync(0);
    const frame = last().frames.find(({ type }) => type === 'subscribe')!;
    await last().receive({ type: 'next', id: frame.id, payload: { data: { room: null } } });
    await expect(answer).resolves.toEqual({ room: null });
  });

  it('never repeats by itself what was sent once: its outcome is unknown', async () => {
    const { socket, last } = start();
    await vi.advanceTimersByTimeAsync(0);
    await expect(socket.executeOnce(sendMessage, INPUT)).rejects.toMatchObject({ code: 'DISCONNECTED' });
    await last().welcome('ana');
    const answer = socket.executeOnce(sendMessage, INPUT);
    const outcome = answer.catch((error: unknown) => error);
    await vi.advanceTimersByTimeAsync(0);
    expect(last().frames.filter(({ type }) => type === 'subscribe')).toHaveLength(1);
    last().end(1006);
    expect(await outcome).toMatchObject({ code: 'DISCONNECTED' });
    await vi.advanceTimersByTimeAsync(500);
    await last().welcome('ana');
    await vi.advanceTimersByTimeAsync(0);
    expect(last().frames.filter(({ type }) => type === 'subscribe')).toHaveLength(0);
  });

  it('tells the code and the wait of an error frame', async () => {
    const { socket, last } = start();
    await vi.advanceTimersByTimeAsync(0);
    await last().welcome('ana');
    const answer = socket.execute(roomPage, { roomId: 'r', last: 50 });
    const outcome = answer.catch((error: unknown) => error);
    await vi.advanceTimersByTimeAsync(0);
    const errors = [{ message: 'Slow down.', extensions: { code: 'RATE_LIMITED', retryAfterMs: 700 } }];
    await last().receive({ type: 'error', id: last().frames.at(-1)!.id, payload: errors });
    expect(await outcome).toMatchObject({ code: 'RATE_LIMITED', retryAfterMs: 700 });
  });

  it('leaves no timer and no connection behind when it is closed', async () => {
    const { socket, last, sockets } = start();
    await vi.advanceTimersByTimeAsync(0);
    await last().welcome('ana', 'token-1');
    socket.close();
    socket.close();
    await vi.advanceTimersByTimeAsync(120_000);
    expect(sockets).toHaveLength(1);
    expect(last().readyState).toBe(3);
    expect(vi.getTimerCount()).toBe(0);
    expect(socket.state.get()).toBe('closed');
  });
});
