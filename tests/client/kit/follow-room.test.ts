import * as fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { followRoom, type FollowedRoom, type KeptMessages } from '../../../client/kit/index.js';
import { environmentWith } from './support/environment.js';
import { createFakeConnection, type Request } from './support/fake-connection.js';

const message = (number: number, name = 'Ana') => ({
  id: `m${number}`,
  number,
  text: `text ${number}`,
  createdAt: '2026-01-01T00:00:00.000Z',
  idempotencyKey: null,
  author: { id: 'ana', displayName: name },
});

/** The page of at most 50 messages behind this one, in a log that ends at `end`. */
function pageBehind(number: number, end: number) {
  const numbers = range(number + 1, Math.min(number + 50, end));
  const nodes = numbers.map((one) => message(one));
  return { room: { id: 'r', messages: { nodes, pageInfo: { endCursor: `c${number + numbers.length}` } } } };
}

/** The page of at most 50 messages that ends at `end`, in a log that begins at `first`. */
function page(end: number, first = 1) {
  const start = Math.max(first, end - 49);
  const numbers = Array.from({ length: Math.max(0, end - start + 1) }, (_, index) => start + index);
  return {
    room: {
      id: 'r',
      messages: {
        nodes: numbers.map((number) => message(number)),
        pageInfo: { hasPreviousPage: start > first, startCursor: numbers.length === 0 ? null : `c${start}` },
        resumeCursor: `c${end}`,
      },
    },
  };
}

const event = (number: number, skippedCount = 0, name = 'Ana') => ({
  messageAdded: { cursor: `c${number}`, skippedCount, replayed: false, message: message(number, name) },
});

const numbersOf = (room: FollowedRoom) => room.state.get().messages.map(({ number }) => number);
const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, index) => from + index);

describe('followRoom', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  async function follow(end: number) {
    const fake = createFakeConnection();
    const room = followRoom({ connection: fake.connection, roomId: 'r', environment: environmentWith(0.5) });
    await fake.request().answer(page(end));
    return { ...fake, room };
  }

  it('shows the newest page and subscribes behind it', async () => {
    const { room, requests, subscription } = await follow(80);
    expect(requests[0]?.variables).toEqual({ roomId: 'r', last: 50, before: null });
    expect(numbersOf(room)).toEqual(range(31, 80));
    expect(room.state.get()).toMatchObject({ phase: 'ready', hasOlder: true });
    expect(subscription().variables()).toEqual({ roomId: 'r', after: 'c80' });
  });

  it('shows what was kept until there is a page, and keeps what is read then', async () => {
    const written: number[][] = [];
    const kept: KeptMessages = {
      read: () => Promise.resolve([message(7), message(8)]),
      write: async (_roomId, messages) => void written.push(messages.map(({ number }) => number)),
    };
    const fake = createFakeConnection();
    const environment = environmentWith(0.5);
    const room = followRoom({ connection: fake.connection, roomId: 'r', kept, environment });
    await vi.advanceTimersByTimeAsync(0);
    expect([room.state.get().phase, numbersOf(room)]).toEqual(['loading', [7, 8]]);
    expect(room.state.get().newest).toBe(8);
    await fake.request().answer(page(10));
    expect([room.state.get().phase, numbersOf(room)]).toEqual(['ready', range(1, 10)]);
    await vi.advanceTimersByTimeAsync(1000);
    expect(written).toEqual([range(1, 10)]);
    for (const number of [11, 12, 13]) fake.send(event(number));
    await vi.advanceTimersByTimeAsync(60_000);
    fake.send(event(14));
    await vi.advanceTimersByTimeAsync(60_000);
    expect(written.splice(0)).toEqual([range(1, 10), range(1, 13), range(1, 14)]);
    fake.send(event(15));
    room.stop();
    room.stop();
    expect(written).toEqual([range(1, 15)]);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('shows nothing of what was kept when that comes after the page, or after the end', async () => {
    const answers: (() => void)[] = [];
    const kept: KeptMessages = {
      read: () => new Promise((resolve) => answers.push(() => resolve([message(7), message(8)]))),
      write: () => Promise.resolve(),
    };
    const environment = environmentWith(0.5);
    const fakes = [createFakeConnection(), createFakeConnection(), createFakeConnection()];
    const [read, restarted, missing] = fakes.map(({ connection }) =>
      followRoom({ connection, roomId: 'r', kept, environment }),
    );
    await fakes[0]!.request().answer(page(3));
    restarted!.restart();
    await fakes[2]!.request().answer({ room: null });
    for (const answer of answers) answer();
    await vi.advanceTimersByTimeAsync(0);
    expect([numbersOf(read!), numbersOf(restarted!), numbersOf(missing!)]).toEqual([[1, 2, 3], [], []]);
  });

  it('keeps nothing more of a room that is there no longer', async () => {
    const written: number[][] = [];
    const kept: KeptMessages = {
      read: () => Promise.resolve([]),
      write: async (_roomId, messages) => void written.push(messages.map(({ number }) => number)),
    };
    const fake = createFakeConnection();
    const environment = environmentWith(0.5);
    const room = followRoom({ connection: fake.connection, roomId: 'r', kept, environment });
    await vi.advanceTimersByTimeAsync(0);
    expect(room.state.get()).toMatchObject({ phase: 'loading', newest: 0 });
    await fake.request().answer(page(3));
    fake.send(event(4));
    fake.break('ROOM_NOT_FOUND');
    await vi.advanceTimersByTimeAsync(60_000);
    expect([room.state.get().phase, written]).toEqual(['missing', [range(1, 3)]]);
  });

  it('subscribes from the start of an empty room', async () => {
    const { room, send, subscription } = await follow(0);
    expect(subscription().variables()).toEqual({ roomId: 'r', after: 'c0' });
    send(event(1));
    expect(numbersOf(room)).toEqual([1]);
  });

  it('resumes behind the newest event: the cursor is read at each try', async () => {
    const { send, subscription } = await follow(3);
    send(event(4));
    send(event(5));
    expect(subscription().variables()).toEqual({ roomId: 'r', after: 'c5' });
  });

  it('keeps a removed message, whose text is empty, in its place', async () => {
    const { room, send } = await follow(1);
    const { messageAdded } = event(2);
    send({ messageAdded: { ...messageAdded, message: { ...messageAdded.message, text: '' } } });
    send(event(3));
    expect(room.state.get().messages.map(({ text }) => text)).toEqual(['text 1', '', 'text 3']);
  });

  it('drops what it has seen', async () => {
    const { room, send } = await follow(3);
    for (const number of [2, 3, 4, 4, 1, 5]) send(event(number));
    expect(numbersOf(room)).toEqual(range(1, 5));
  });

  it('subscribes again when a gap is not explained, then reads the newest page when it stays', async () => {
    const { room, send, subscriptions, requests, request } = await follow(3);
    send(event(5));
    expect(numbersOf(room)).toEqual(range(1, 3));
    expect(subscriptions[0]?.ended).toBe(true);
    await vi.advanceTimersByTimeAsync(500);
    expect(subscriptions).toHaveLength(2);
    expect(subscriptions[1]?.variables()).toEqual({ roomId: 'r', after: 'c3' });
    send(event(5));
    await vi.advanceTimersByTimeAsync(1000);
    expect(requests).toHaveLength(2);
    await request().answer(page(6));
    expect(numbersOf(room)).toEqual(range(1, 6));
  });

  it('lets go of old messages when it is asked to, and reads them again', async () => {
    const { room, send, request, requests } = await follow(100);
    for (let number = 101; number <= 230; number++) send(event(number));
    room.keepNewest(60);
    // From the last place behind which the older ones can be read: at least so many stay.
    expect(numbersOf(room)).toEqual(range(150, 230));
    expect(room.state.get().hasOlder).toBe(true);
    room.loadOlder();
    expect(request().variables).toEqual({ roomId: 'r', last: 50, before: 'c150' });
    room.keepNewest(10);
    expect(numbersOf(room)).toEqual(range(150, 230));
    await request().answer(page(149));
    expect(numbersOf(room)).toEqual(range(100, 230));
    room.keepNewest(100);
    expect(numbersOf(room)).toEqual(range(100, 230));
    room.keepNewest(81);
    expect(numbersOf(room)).toEqual(range(150, 230));
    const asked = requests.length;
    room.keepNewest(81);
    expect([numbersOf(room), requests.length]).toEqual([range(150, 230), asked]);
  });

  it('lets go of the pages that were read, from where each of them begins', async () => {
    const { room, send, request } = await follow(200);
    send(event(201));
    for (const end of [150, 100]) {
      room.loadOlder();
      expect(request().variables).toEqual({ roomId: 'r', last: 50, before: `c${end + 1}` });
      await request().answer(page(end));
    }
    room.keepNewest(101);
    expect(numbersOf(room)).toEqual(range(101, 201));
    room.keepNewest(51);
    expect(numbersOf(room)).toEqual(range(151, 201));
    room.loadOlder();
    expect(request().variables).toEqual({ roomId: 'r', last: 50, before: 'c151' });
  });

  it('changes nothing when it holds no more than it is asked to keep', async () => {
    const { room, request, requests } = await follow(30);
    const held = room.state.get();
    room.keepNewest(30);
    room.rename('ana', 'Ana');
    expect(room.state.get()).toBe(held);
    room.loadOlder();
    expect([requests.length, request().variables]).toEqual([1, { roomId: 'r', last: 50, before: null }]);
  });

  it('counts what comes without holding it, once the newest is left, and reads it by page', async () => {
    const { room, send, subscription, request, requests } = await follow(100);
    room.keepOldest(50);
    for (let number = 101; number <= 5000; number++) send(event(number, 0, `Ana ${number}`));
    expect(numbersOf(room)).toEqual(range(51, 100));
    expect(room.state.get()).toMatchObject({ hasNewer: true, newest: 5000 });
    expect([...room.state.get().names]).toEqual([['ana', 'Ana 5000']]);
    const { messageAdded } = event(5001);
    const author = { id: 'ben', displayName: 'Ben' };
    send({ messageAdded: { ...messageAdded, message: { ...messageAdded.message, author } } });
    expect([...room.state.get().names.keys()]).toEqual(['ana']);
    // Nor does a skip cost the reader's place.
    send(event(5100, 98));
    expect(numbersOf(room)).toEqual(range(51, 100));
    expect(subscription().variables()).toEqual({ roomId: 'r', after: 'c5100' });
    room.keepOldest(50);
    room.loadNewer();
    room.loadNewer();
    room.loadOlder();
    expect(requests).toHaveLength(2);
    expect(request().variables).toEqual({ roomId: 'r', first: 50, after: 'c100' });
    await request().fail('UNAVAILABLE');
    await vi.advanceTimersByTimeAsync(250);
    await request().answer(pageBehind(100, 5100));
    expect(numbersOf(room)).toEqual(range(51, 150));
    expect(room.state.get()).toMatchObject({ hasNewer: true, loadingNewer: false, newest: 5100 });
    room.keepNewest(1);
    expect(numbersOf(room)).toEqual([150]);
    room.loadOlder();
    expect(request().variables).toEqual({ roomId: 'r', last: 50, before: 'c150' });
  });

  it('follows again once the newest is reached, from the page or from an event, whichever is ahead', async () => {
    const { room, send, subscription, subscriptions, request, requests } = await follow(100);
    room.keepOldest(50);
    for (let number = 101; number <= 160; number++) send(event(number));
    for (const end of [160, 161]) {
      room.loadNewer();
      if (end === 161) for (const number of [161, 162]) send(event(number));
      await request().answer(pageBehind(numbersOf(room).at(-1)!, end));
      expect(room.state.get().hasNewer).toBe(true);
    }
    room.loadNewer();
    await request().answer(pageBehind(161, 165));
    expect(room.state.get()).toMatchObject({ hasNewer: false, newest: 165 });
    expect(subscription().variables()).toEqual({ roomId: 'r', after: 'c165' });
    for (const number of [163, 164, 165, 166]) send(event(number));
    expect(numbersOf(room)).toEqual(range(51, 166));
    room.keepOldest(116);
    room.loadNewer();
    await request().answer(pageBehind(166, 166));
    expect(room.state.get()).toMatchObject({ hasNewer: false, newest: 166 });
    send(event(167));
    expect(numbersOf(room)).toEqual(range(51, 167));
    const asked = requests.length;
    room.loadNewer();
    expect([requests.length, subscriptions.length]).toEqual([asked, 1]);
  });

  it('goes to the newest at once when it is restarted, whatever is being read', async () => {
    const { room, send, requests, request } = await follow(100);
    room.keepOldest(50);
    send(event(101));
    room.loadNewer();
    const newer = request();
    room.restart();
    expect(room.state.get()).toMatchObject({ hasNewer: false, loadingNewer: false });
    room.loadNewer();
    await request().answer(page(900));
    await newer.answer(pageBehind(100, 101));
    expect(numbersOf(room)).toEqual(range(851, 900));
    send(event(901));
    expect(room.state.get()).toMatchObject({ hasNewer: false, newest: 901 });
    expect(numbersOf(room)).toEqual(range(851, 901));
    expect(requests).toHaveLength(3);
  });

  it('holds what comes again when its cursor expired after the newest was left', async () => {
    const { room, send, request, break: breakWith } = await follow(100);
    room.keepOldest(50);
    breakWith('CURSOR_EXPIRED');
    await vi.advanceTimersByTimeAsync(500);
    await request().answer(page(900));
    send(event(901));
    expect(numbersOf(room)).toEqual(range(851, 901));
    expect(room.state.get()).toMatchObject({ hasNewer: false, newest: 901 });
  });

  it('holds no hole when new ones are let go of while it is on its way to the newest', async () => {
    const { room, send, requests } = await follow(100);
    room.keepOldest(50);
    for (let number = 101; number <= 300; number++) send(event(number));
    room.restart();
    await requests.at(-1)!.fail('UNAVAILABLE');
    room.keepOldest(50);
    room.loadNewer();
    expect(requests).toHaveLength(2);
    expect(room.state.get().hasNewer).toBe(false);
    await vi.advanceTimersByTimeAsync(31_000);
    await requests.at(-1)!.answer(page(300));
    expect(numbersOf(room)).toEqual(range(251, 300));
    expect(room.state.get().hasNewer).toBe(false);
  });

  it('lets go of the newest it holds, but not of what is asked to stay, and reads them again by page', async () => {
    const { room, send, request, requests, subscription } = await follow(400);
    for (const end of [350, 300]) {
      room.loadOlder();
      await request().answer(page(end));
    }
    for (let number = 401; number <= 500; number++) send(event(number, 0, `Ana ${number}`));
    room.keepOldest(251);
    expect([numbersOf(room), room.state.get().hasNewer]).toEqual([range(251, 500), false]);
    room.loadOlder();
    room.keepOldest(120);
    expect(numbersOf(room)).toEqual(range(251, 450));
    await request().answer(page(250));
    expect(numbersOf(room)).toEqual(range(201, 450));
    expect(room.state.get()).toMatchObject({ hasNewer: true, newest: 500, hasOlder: true });
    room.keepOldest(80);
    expect(numbersOf(room)).toEqual(range(201, 301));
    send(event(501));
    expect(subscription().variables()).toEqual({ roomId: 'r', after: 'c501' });
    room.loadNewer();
    expect(request().variables).toEqual({ roomId: 'r', first: 50, after: 'c301' });
    // Nor while newer ones are read: these come behind what is held.
    room.keepOldest(10);
    await request().answer(pageBehind(301, 501));
    for (let end = 351; end < 501; end += 50) {
      room.loadNewer();
      await request().answer(pageBehind(end, 501));
    }
    expect(numbersOf(room)).toEqual(range(201, 501));
    expect(room.state.get()).toMatchObject({ hasNewer: false, newest: 501 });
    const held = room.state.get();
    room.keepOldest(302);
    expect(room.state.get()).toBe(held);
    room.keepOldest(301);
    const left = room.state.get();
    room.keepOldest(301);
    expect(room.state.get()).toBe(left);
    expect(left).toMatchObject({ hasNewer: true, newest: 501 });
    expect(requests).toHaveLength(8);
  });

  it('keeps the newest that was read, also when it is let go of, and once it is read again', async () => {
    const written: number[] = [];
    const kept: KeptMessages = {
      read: () => Promise.resolve([]),
      write: async (_roomId, messages) => void written.push(messages.at(-1)?.number ?? 0),
    };
    const fake = createFakeConnection();
    const environment = environmentWith(0.5);
    const room = followRoom({ connection: fake.connection, roomId: 'r', kept, environment });
    await fake.request().answer(page(100));
    fake.send(event(101));
    room.keepOldest(1);
    expect([numbersOf(room), written]).toEqual([[51], [100, 101]]);
    fake.send(event(102));
    await vi.advanceTimersByTimeAsync(60_000);
    room.loadNewer();
    await fake.request().answer(pageBehind(51, 102));
    await vi.advanceTimersByTimeAsync(60_000);
    expect(written).toEqual([100, 101]);
    room.loadNewer();
    await fake.request().answer(pageBehind(101, 102));
    await vi.advanceTimersByTimeAsync(60_000);
    expect(written).toEqual([100, 101, 102]);
  });

  it('reads the newest page when what follows was dropped meanwhile, or is not there, and has newer ones until then', async () => {
    const dropped = (request: Request) => request.answer(pageBehind(3000, 5000));
    const missing = (request: Request) => request.answer({ room: null });
    const expired = (request: Request) => request.fail('CURSOR_EXPIRED');
    for (const refuse of [dropped, missing, expired]) {
      const { room, send, request } = await follow(100);
      room.keepOldest(50);
      send(event(5000, 4899));
      room.loadNewer();
      await refuse(request());
      expect(request().variables).toEqual({ roomId: 'r', last: 50, before: null });
      expect(room.state.get()).toMatchObject({ hasNewer: true, loadingNewer: false });
      await request().answer(page(5000));
      expect(numbersOf(room)).toEqual(range(4951, 5000));
      expect(room.state.get().hasNewer).toBe(false);
    }
  });

  it('forgets the names of authors whose messages it lets go of', async () => {
    const { room, send } = await follow(0);
    for (let number = 1; number <= 300; number++) {
      const { messageAdded } = event(number);
      const author = { id: `a${number}`, displayName: `Author ${number}` };
      send({ messageAdded: { ...messageAdded, message: { ...messageAdded.message, author } } });
    }
    room.rename('a280', 'Another');
    room.keepNewest(40);
    expect(room.state.get().names.size).toBe(numbersOf(room).length);
    expect(room.state.get().names.get('a280')).toBe('Another');
    expect(room.state.get().names.get('a300')).toBe('Author 300');
  });

  it('turns a skip into a page', async () => {
    const { room, send, request } = await follow(3);
    send(event(2004, 2000));
    expect(numbersOf(room)).toEqual([2004]);
    expect(request().variables).toEqual({ roomId: 'r', last: 50, before: 'c2004' });
    send(event(2005));
    await request().answer(page(2003));
    expect(numbersOf(room)).toEqual(range(1954, 2005));
    expect(room.state.get().hasOlder).toBe(true);
  });

  it('takes the first message that comes after all were dropped', async () => {
    const { room, send, request, subscriptions } = await follow(0);
    send(event(501));
    expect(numbersOf(room)).toEqual([501]);
    await request().answer(page(500, 501));
    send(event(502));
    expect(numbersOf(room)).toEqual([501, 502]);
    expect(room.state.get()).toMatchObject({ hasOlder: false, newest: 502 });
    expect(subscriptions).toHaveLength(1);
  });

  it.each(['UNAVAILABLE', 'OVERLOADED', 'RATE_LIMITED'])(
    'subscribes again with back-off after %s',
    async (code) => {
      const { send, subscriptions, subscription, break: breakWith } = await follow(3);
      send(event(4));
      for (const wait of [250, 500, 1000, 2000]) {
        const before = subscriptions.length;
        breakWith(code);
        await vi.advanceTimersByTimeAsync(wait - 1);
        expect(subscriptions).toHaveLength(before);
        await vi.advanceTimersByTimeAsync(1);
        expect(subscriptions).toHaveLength(before + 1);
        expect(subscription().variables()).toEqual({ roomId: 'r', after: 'c4' });
      }
    },
  );

  it('waits at least as long as the server asks', async () => {
    const { subscriptions, break: breakWith } = await follow(3);
    breakWith('RATE_LIMITED', 9000);
    await vi.advanceTimersByTimeAsync(8999);
    expect(subscriptions).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(300);
    expect(subscriptions).toHaveLength(2);
  });

  it.each(['BAD_CURSOR', 'CURSOR_EXPIRED'])(
    'reads the newest page after %s, and it replaces what is held',
    async (code) => {
      const { room, request, subscription, break: breakWith } = await follow(60);
      breakWith(code);
      await vi.advanceTimersByTimeAsync(500);
      await request().answer(page(2));
      expect(numbersOf(room)).toEqual([1, 2]);
      expect(subscription().variables()).toEqual({ roomId: 'r', after: 'c2' });
    },
  );

  it.each(['a first page', 'a subscription'])('says that there is no such room, by %s', async (way) => {
    const fake = createFakeConnection();
    const room = followRoom({ connection: fake.connection, roomId: 'r', environment: environmentWith(0.5) });
    if (way === 'a first page') await fake.request().answer({ room: null });
    else {
      await fake.request().answer(page(1));
      fake.break('ROOM_NOT_FOUND');
    }
    await vi.advanceTimersByTimeAsync(120_000);
    expect(room.state.get().phase).toBe('missing');
    expect(fake.requests).toHaveLength(1);
  });

  it('stops at a code that it does not know, tells it, and goes on when asked to', async () => {
    const { room, requests, subscriptions, request, break: breakWith } = await follow(1);
    breakWith('GRAPHQL_VALIDATION_FAILED');
    await vi.advanceTimersByTimeAsync(120_000);
    expect(subscriptions).toHaveLength(1);
    expect(room.state.get()).toMatchObject({
      phase: 'failed',
      problem: { code: 'GRAPHQL_VALIDATION_FAILED' },
    });
    room.restart();
    expect(requests).toHaveLength(2);
    await request().answer(page(2));
    expect(room.state.get().phase).toBe('ready');
  });

  it('tries the first page until it is there', async () => {
    const fake = createFakeConnection();
    const room = followRoom({ connection: fake.connection, roomId: 'r', environment: environmentWith(0.5) });
    await fake.request().fail('UNAVAILABLE');
    expect(room.state.get()).toMatchObject({ phase: 'loading', problem: { code: 'UNAVAILABLE' } });
    await vi.advanceTimersByTimeAsync(250);
    await fake.request().answer(page(2));
    expect(room.state.get()).toMatchObject({ phase: 'ready', problem: null });
  });

  it('waits longer and longer for a first page that does not come', async () => {
    const fake = createFakeConnection();
    const room = followRoom({
      connection: fake.connection,
      roomId: 'r',
      environment: environmentWith(0.999),
    });
    const waits: number[] = [];
    for (let failure = 0; failure < 10; failure++) {
      const before = fake.requests.length;
      await fake.request().fail('UNAVAILABLE');
      const failedAt = Date.now();
      while (fake.requests.length === before) await vi.advanceTimersByTimeAsync(50);
      waits.push(Math.round((Date.now() - failedAt) / 500) / 2);
    }
    expect(waits).toEqual([0.5, 1, 2, 4, 8, 16, 30, 30, 30, 30]);
    room.stop();
  });

  it('ignores a first page that comes after a newer start, or that fails after the end', async () => {
    const { room, requests, subscriptions } = await follow(3);
    room.restart();
    room.restart();
    await requests[2]!.answer(page(9));
    await requests[1]!.answer(page(5));
    expect(numbersOf(room)).toEqual(range(1, 9));
    room.restart();
    room.stop();
    const held = room.state.get();
    const opened = subscriptions.length;
    await requests[3]!.fail('UNAVAILABLE');
    await vi.advanceTimersByTimeAsync(60_000);
    expect(requests).toHaveLength(4);
    expect(room.state.get()).toBe(held);
    expect(subscriptions).toHaveLength(opened);
  });

  it('does not subscribe again after the server completed', async () => {
    const { room, subscriptions } = await follow(1);
    subscriptions[0]!.sink.complete();
    await vi.advanceTimersByTimeAsync(120_000);
    expect(subscriptions).toHaveLength(1);
    expect(room.state.get().phase).toBe('ended');
  });

  it('loads older pages down to where the log begins, also above 1', async () => {
    const { room, request, requests } = await follow(120);
    room.loadOlder();
    room.loadOlder();
    expect(requests).toHaveLength(2);
    expect(request().variables).toEqual({ roomId: 'r', last: 50, before: 'c71' });
    await request().fail('UNAVAILABLE');
    await vi.advanceTimersByTimeAsync(250);
    await request().answer(page(70));
    room.loadOlder();
    expect(request().variables).toEqual({ roomId: 'r', last: 50, before: 'c21' });
    await request().fail('UNAVAILABLE');
    await vi.advanceTimersByTimeAsync(250);
    await request().answer(page(20, 7));
    expect(requests).toHaveLength(5);
    expect(numbersOf(room)).toEqual(range(7, 120));
    expect(room.state.get().hasOlder).toBe(false);
  });

  it('fails when older pages are refused for good, and asks for none again', async () => {
    const { room, request, requests, subscription } = await follow(120);
    room.loadOlder();
    await request().fail('FORBIDDEN');
    expect(room.state.get()).toMatchObject({ phase: 'failed', loadingOlder: false });
    expect(subscription().ended).toBe(true);
    room.loadOlder();
    room.keepOldest(50);
    expect(requests).toHaveLength(2);
    expect(room.state.get().hasNewer).toBe(false);
  });

  it('fails when newer pages are refused for good', async () => {
    const { room, send, request } = await follow(120);
    room.keepOldest(50);
    send(event(121));
    room.loadNewer();
    await request().fail('FORBIDDEN');
    expect(room.state.get()).toMatchObject({ phase: 'failed', loadingNewer: false });
  });

  it.each([
    [
      'has nothing in it',
      {
        room: {
          ...page(0).room,
          messages: { ...page(0).room.messages, pageInfo: { hasPreviousPage: true, startCursor: null } },
        },
      },
    ],
    ['is of no room', { room: null }],
  ])('has nothing older when a page %s', async (_, answer) => {
    const { room, request, requests } = await follow(120);
    room.loadOlder();
    await request().answer(answer);
    expect(room.state.get()).toMatchObject({ phase: 'ready', hasOlder: false, loadingOlder: false });
    room.loadOlder();
    expect(requests).toHaveLength(2);
    expect(numbersOf(room)).toEqual(range(71, 120));
  });

  it.each(['BAD_CURSOR', 'CURSOR_EXPIRED'])(
    'reads the newest page when older ones are refused with %s',
    async (code) => {
      const { room, request, subscriptions } = await follow(120);
      room.loadOlder();
      await request().fail(code);
      expect(subscriptions[0]?.ended).toBe(true);
      expect(room.state.get().loadingOlder).toBe(false);
      expect(request().variables).toEqual({ roomId: 'r', last: 50, before: null });
      await request().answer(page(130));
      expect(numbersOf(room)).toEqual(range(81, 130));
      room.loadOlder();
      expect(request().variables).toEqual({ roomId: 'r', last: 50, before: 'c81' });
    },
  );

  it('drops an older page of a list that was replaced meanwhile, and tries it no more', async () => {
    const { room, requests, request, send } = await follow(120);
    room.loadOlder();
    send(event(400, 279));
    // The page above the skip is asked for by itself.
    expect(request().variables).toEqual({ roomId: 'r', last: 50, before: 'c400' });
    await requests[1]!.answer(page(70));
    expect(numbersOf(room)).toEqual([400]);
    await request().fail('UNAVAILABLE');
    room.restart();
    const asked = requests.length;
    await vi.advanceTimersByTimeAsync(60_000);
    expect(requests).toHaveLength(asked);
    await request().answer(page(401));
    expect(room.state.get()).toMatchObject({ phase: 'ready', loadingOlder: false });
    expect(numbersOf(room)).toEqual(range(352, 401));
    room.loadOlder();
    const old = request();
    room.restart();
    await old.fail('FORBIDDEN');
    expect(room.state.get()).toMatchObject({ phase: 'ready', loadingOlder: false });
  });

  it('waits briefly again after what was open for long, or brought something', async () => {
    const { send, subscriptions, break: breakWith } = await follow(3);
    const wait = async () => {
      const before = subscriptions.length;
      breakWith('UNAVAILABLE');
      const from = Date.now();
      while (subscriptions.length === before) await vi.advanceTimersByTimeAsync(50);
      return Date.now() - from;
    };
    expect([await wait(), await wait(), await wait()]).toEqual([250, 500, 1000]);
    await vi.advanceTimersByTimeAsync(30_000);
    expect(await wait()).toBe(2000);
    await vi.advanceTimersByTimeAsync(30_001);
    expect([await wait(), await wait()]).toEqual([250, 500]);
    send(event(4));
    expect(await wait()).toBe(250);
    expect(subscriptions.slice(0, -1).every(({ ended }) => ended)).toBe(true);
  });

  it('tells what went wrong until it goes well, and waits for nothing after the end', async () => {
    const { room, subscriptions, break: breakWith } = await follow(3);
    breakWith('UNAVAILABLE');
    expect(room.state.get().problem?.code).toBe('UNAVAILABLE');
    await vi.advanceTimersByTimeAsync(250);
    expect(room.state.get().problem).toBeNull();
    breakWith('UNAVAILABLE');
    room.stop();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(subscriptions).toHaveLength(2);
  });

  it('reads no newest page for a gap after what came in order', async () => {
    const { send, subscriptions, requests } = await follow(3);
    for (const number of [5, 4, 6, 5]) {
      send(event(number));
      await vi.advanceTimersByTimeAsync(600);
    }
    expect([subscriptions.length, requests.length]).toEqual([3, 1]);
  });

  it('ends a subscription that failed while it was opened', async () => {
    const fake = createFakeConnection();
    const { subscribe } = fake.connection;
    let fails = true;
    const room = followRoom({
      connection: {
        ...fake.connection,
        subscribe: (document, variables, sink) => {
          const end = subscribe(document, variables, sink);
          if (fails) fake.break('UNAVAILABLE');
          fails = false;
          return end;
        },
      },
      roomId: 'r',
      environment: environmentWith(0.5),
    });
    await fake.request().answer(page(3));
    expect(fake.subscriptions[0]?.ended).toBe(true);
    expect(room.state.get().problem?.code).toBe('UNAVAILABLE');
    await vi.advanceTimersByTimeAsync(250);
    expect(fake.subscriptions[1]?.ended).toBe(false);
    fake.send(event(4));
    expect(numbersOf(room)).toEqual(range(1, 4));
  });

  it('shows the newest known name of an author on every message', async () => {
    const { room, send } = await follow(2);
    send(event(3, 0, 'Ana Bell'));
    expect(room.state.get().names.get('ana')).toBe('Ana Bell');
    room.rename('ana', 'Ana Cole');
    expect(room.state.get().names.get('ana')).toBe('Ana Cole');
  });

  it('does nothing more after stop', async () => {
    const { room, subscription, requests, break: breakWith } = await follow(120);
    room.loadOlder();
    room.stop();
    room.stop();
    const held = room.state.get();
    expect(subscription().ended).toBe(true);
    subscription().sink.next(event(121) as never);
    breakWith('UNAVAILABLE');
    await requests[1]!.answer(page(70));
    await vi.advanceTimersByTimeAsync(120_000);
    expect(room.state.get()).toBe(held);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('asks for nothing after stop, also when it is called', async () => {
    const { room, requests, subscriptions } = await follow(120);
    room.stop();
    room.loadOlder();
    room.restart();
    await vi.advanceTimersByTimeAsync(120_000);
    expect([requests.length, subscriptions.length]).toEqual([1, 1]);
  });

  it('holds a gapless, ordered run up to the head whatever the connection does', async () => {
    const step = fc.oneof(
      fc.record({ kind: fc.constant('deliver' as const), count: fc.integer({ min: 1, max: 5 }) }),
      fc.record({ kind: fc.constant('write' as const), count: fc.integer({ min: 1, max: 60 }) }),
      fc.record({
        kind: fc.constantFrom(...(['repeat', 'lose', 'older', 'skip', 'newer', 'newest'] as const)),
      }),
      fc.record({
        kind: fc.constantFrom('oldest stay' as const, 'newest stay' as const),
        count: fc.integer({ min: 0, max: 150 }),
      }),
      fc.record({
        kind: fc.constant('fail' as const),
        code: fc.constantFrom('UNAVAILABLE', 'OVERLOADED', 'CURSOR_EXPIRED', 'BAD_CURSOR'),
      }),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { maxLength: 60 }),
        fc.integer({ min: 0, max: 70 }),
        async (steps, start) => {
          const fake = createFakeConnection();
          const room = followRoom({
            connection: fake.connection,
            roomId: 'r',
            environment: environmentWith(0.5),
          });
          let head = start;
          let answered = 0;
          /** What the server has sent on each subscription, from the cursor it was opened with. */
          const positions = new Map<number, number>();
          const serve = async () => {
            await vi.advanceTimersByTimeAsync(31_000);
            while (answered < fake.requests.length) {
              const { before, after } = fake.requests[answered]!.variables as Record<string, string | null>;
              const numberOf = (cursor: string) => Number(cursor.slice(1));
              await fake.requests[answered++]!.answer(
                typeof after === 'string'
                  ? pageBehind(numberOf(after), head)
                  : page(typeof before === 'string' ? numberOf(before) - 1 : head),
              );
            }
          };
          const position = () => {
            const index = fake.subscriptions.length - 1;
            const opened = Number(String(fake.subscription().variables()['after']).slice(1));
            if (!positions.has(index)) positions.set(index, opened);
            return { at: positions.get(index)!, move: (to: number) => positions.set(index, to) };
          };
          await serve();
          for (const next of steps) {
            if (next.kind === 'write') head += next.count;
            else if (next.kind === 'older') room.loadOlder();
            else if (next.kind === 'oldest stay') room.keepOldest(next.count);
            else if (next.kind === 'newest stay') room.keepNewest(next.count);
            else if (next.kind === 'newer') room.loadNewer();
            else if (next.kind === 'newest') room.restart();
            else if (next.kind === 'fail') fake.break(next.code);
            else {
              const { at, move } = position();
              const wanted = next.kind === 'deliver' ? next.count : 1;
              const first =
                next.kind === 'repeat' ? Math.max(1, at) : next.kind === 'deliver' ? at + 1 : at + 2;
              for (let number = first; number < first + wanted && number <= head; number++) {
                fake.send(event(number, next.kind === 'skip' ? 1 : 0));
                move(number);
              }
            }
            await serve();
            const numbers = numbersOf(room);
            expect(numbers).toEqual(numbers.length === 0 ? [] : range(numbers[0]!, numbers.at(-1)!));
          }
          await serve();
          for (let number = position().at + 1; number <= head; number++) fake.send(event(number));
          await serve();
          for (let number = position().at + 1; number <= head; number++) fake.send(event(number));
          expect(room.state.get().newest).toBe(head);
          while (room.state.get().hasNewer) {
            room.loadNewer();
            await serve();
          }
          expect(numbersOf(room).at(-1) ?? 0).toBe(head);
          room.stop();
        },
      ),
      { numRuns: 60 },
    );
  });
});
