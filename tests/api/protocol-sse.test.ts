import { createClient, type Client } from 'graphql-sse';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createRoom, createVisitor, MESSAGE_ADDED, sendMessage, type MessageAdded } from '../testkit/seed.js';
import { ALL_HEARD, follow, followThroughCuts } from './resuming.js';
import { eventually, FOUNDATIONS, useServer } from './world.js';

interface Event {
  readonly event: string;
  readonly data: string;
}

/** The events of a stream, read as the HTML standard says; comments and what keeps it alive are passed over. */
function eventsOf(response: Response) {
  const events: Event[] = [];
  let ended: 'end' | 'broken' | undefined;
  async function read(): Promise<void> {
    let rest = '';
    for await (const chunk of response.body!.pipeThrough(new TextDecoderStream())) {
      const blocks = (rest + chunk).split(/\r?\n\r?\n/);
      rest = blocks.pop() ?? '';
      for (const block of blocks) {
        const fields = block
          .split(/\r?\n/)
          .filter((line) => !line.startsWith(':') && line !== '')
          .map((line) => /^([^:]*):? ?(.*)$/.exec(line) ?? []);
        if (fields.length === 0) continue;
        const value = (name: string) =>
          fields
            .filter(([, key]) => key === name)
            .map(([, , text = '']) => text)
            .join('\n');
        events.push({ event: value('event'), data: value('data') });
      }
    }
  }
  const done = read().then(
    () => (ended = 'end'),
    () => (ended = 'broken'),
  );
  return { events, done, ended: () => ended };
}

describe.each(FOUNDATIONS)('GraphQL over server-sent events, distinct connections, %s', (name) => {
  const chat = useServer(name);

  async function roomAndVisitor() {
    const visitor = await createVisitor(chat.url);
    return { visitor, roomId: await createRoom(chat.url, visitor) };
  }

  describe('with bare fetch', () => {
    async function stream(body: object, init: { method?: string; headers?: Record<string, string> } = {}) {
      const aborted = new AbortController();
      onTestFinished(() => aborted.abort());
      const headers = { accept: 'text/event-stream', ...init.headers };
      const isGet = init.method === 'GET';
      const search = Object.entries(body).map(([key, value]) => [
        key,
        typeof value === 'string' ? value : JSON.stringify(value),
      ]);
      const response = await fetch(
        `${chat.url}/graphql${isGet ? `?${new URLSearchParams(search).toString()}` : ''}`,
        {
          method: init.method ?? 'POST',
          headers: isGet ? headers : { ...headers, 'content-type': 'application/json' },
          body: isGet ? null : JSON.stringify(body),
          signal: aborted.signal,
        },
      );
      return { response, abort: () => aborted.abort(), ...eventsOf(response) };
    }

    it('the answer is 200 and text/event-stream, not to be stored', async () => {
      const { roomId } = await roomAndVisitor();
      const { response } = await stream({ query: MESSAGE_ADDED, variables: { roomId } });
      expect(response.status).toBe(200);
      expect(response.headers.get('content-type')).toMatch(/^text\/event-stream/);
      expect(response.headers.get('cache-control')).toMatch(/no-cache|no-store/);
    });

    it.each(['POST', 'GET'])(
      'each result is a next event with the result as its data: %s',
      async (method) => {
        const { visitor, roomId } = await roomAndVisitor();
        const { cursor } = await sendMessage(chat.url, visitor, { roomId, text: 'first' });
        const followed = await stream(
          { query: MESSAGE_ADDED, variables: { roomId, after: cursor } },
          { method },
        );
        await sendMessage(chat.url, visitor, { roomId, text: 'two\nlines' });
        await eventually(
          () => followed.events,
          ({ length }) => length > 0,
        );
        expect(followed.events).toHaveLength(1);
        const [{ event, data } = { event: '', data: '' }] = followed.events;
        expect(event).toBe('next');
        expect(JSON.parse(data)).toMatchObject({
          data: { messageAdded: { message: { text: 'two\nlines' } } },
        });
      },
    );

    it('a query and a mutation are one next event and complete', async () => {
      for (const query of ['{ settings { maxMessageLength } }', 'mutation { createVisitor { token } }']) {
        const { events, done } = await stream({ query });
        expect(await done).toBe('end');
        expect(events.map(({ event }) => event)).toEqual(['next', 'complete']);
        expect(JSON.parse(events[0]?.data ?? '')).toHaveProperty('data');
      }
    });

    it('an operation that fails before it runs says so in one next event, and completes', async () => {
      const { events, done } = await stream({ query: MESSAGE_ADDED, variables: { roomId: 'x' } });
      expect(await done).toBe('end');
      expect(events.map(({ event }) => event)).toEqual(['next', 'complete']);
      expect(JSON.parse(events[0]?.data ?? '')).toMatchObject({
        errors: [{ extensions: { code: 'ROOM_NOT_FOUND' } }],
      });
    });

    it('the token goes in the Authorization header, and a bad one is 401', async () => {
      const visitor = await createVisitor(chat.url);
      const query = '{ viewer { id } }';
      const { events, done } = await stream(
        { query },
        { headers: { authorization: `Bearer ${visitor.token}` } },
      );
      await done;
      expect(JSON.parse(events[0]?.data ?? '')).toEqual({ data: { viewer: { id: visitor.id } } });
      const { response } = await stream({ query }, { headers: { authorization: 'Bearer bad' } });
      expect(response.status).toBe(401);
    });

    it('resumes by cursor: a stream that is opened again continues behind the last event', async () => {
      const { visitor, roomId } = await roomAndVisitor();
      const { cursor } = await sendMessage(chat.url, visitor, { roomId, text: '1' });
      const numbers: number[] = [];
      let after = cursor;
      for (let round = 1; round <= 4; round += 1) {
        await sendMessage(chat.url, visitor, { roomId, text: `a ${round}` });
        await sendMessage(chat.url, visitor, { roomId, text: `b ${round}` });
        const followed = await stream({ query: MESSAGE_ADDED, variables: { roomId, after } });
        await eventually(
          () => followed.events,
          ({ length }) => length >= 2,
        );
        followed.abort();
        for (const { data } of followed.events) {
          const { messageAdded } = (JSON.parse(data) as { data: MessageAdded }).data;
          numbers.push(messageAdded.message.number);
          after = messageAdded.cursor;
        }
      }
      expect(numbers).toEqual([2, 3, 4, 5, 6, 7, 8, 9]);
    });

    it('a stream that its client aborts is left: nobody is online behind it', async () => {
      const { visitor, roomId } = await roomAndVisitor();
      const headers = { authorization: `Bearer ${visitor.token}` };
      const { abort } = await stream({ query: MESSAGE_ADDED, variables: { roomId } }, { headers });
      const online = async () => {
        const body = {
          query: 'query ($roomId: ID!) { room(id: $roomId) { onlineCount } }',
          variables: { roomId },
        };
        const { events, done } = await stream(body);
        await done;
        return (JSON.parse(events[0]?.data ?? '') as { data: { room: { onlineCount: number } } }).data.room
          .onlineCount;
      };
      await eventually(online, (count) => count === 1);
      abort();
      expect(await eventually(online, (count) => count === 0)).toBe(0);
    });
  });

  describe('with the client of graphql-sse', () => {
    function open(url: string, token?: string): Client {
      const client = createClient({
        url: `${url}/graphql`,
        ...(token === undefined ? {} : { headers: { authorization: `Bearer ${token}` } }),
        retry: () => new Promise((resolve) => setTimeout(resolve, 20)),
        retryAttempts: 100,
      });
      onTestFinished(() => client.dispose());
      return client;
    }

    it('runs a query, a mutation and a subscription', async () => {
      const visitor = await createVisitor(chat.url);
      const client = open(chat.url, visitor.token);
      const viewer = await client.iterate<{ viewer: { id: string } }>({ query: '{ viewer { id } }' }).next();
      expect(viewer.value?.data?.viewer.id).toBe(visitor.id);
      const roomId = await createRoom(chat.url, visitor);
      const { cursor } = await sendMessage(chat.url, visitor, { roomId, text: 'before' });
      const followed = follow(client, roomId, cursor);
      const sent = await client
        .iterate<{ sendMessage: { duplicate: boolean } }>({
          query:
            'mutation ($roomId: ID!) { sendMessage(input: { roomId: $roomId, text: "hello" }) { duplicate } }',
          variables: { roomId },
        })
        .next();
      expect(sent.value?.data?.sendMessage.duplicate).toBe(false);
      await eventually(
        () => followed.texts,
        ({ length }) => length > 0,
      );
      expect(followed.texts).toEqual(['hello']);
    });

    it('holds several subscriptions at once, and stopping one leaves the others', async () => {
      const { visitor, roomId } = await roomAndVisitor();
      const { cursor } = await sendMessage(chat.url, visitor, { roomId, text: 'before' });
      const client = open(chat.url);
      const all = Array.from({ length: 5 }, () => follow(client, roomId, cursor));
      await sendMessage(chat.url, visitor, { roomId, text: 'to all' });
      for (const { texts } of all)
        await eventually(
          () => texts,
          ({ length }) => length > 0,
        );
      all[0]?.stop();
      await sendMessage(chat.url, visitor, { roomId, text: 'to the others' });
      for (const { texts } of all.slice(1))
        await eventually(
          () => texts,
          ({ length }) => length > 1,
        );
      expect(all.map(({ texts }) => texts.length)).toEqual([1, 2, 2, 2, 2]);
    });

    it('resumes by cursor after cut connections: every message once and in order', async () => {
      expect(await followThroughCuts(chat.url, open)).toEqual(ALL_HEARD);
    });
  });
});
