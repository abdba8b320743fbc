import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { LogEvent } from '../../src/log/log-bus.js';
import type { Message } from '../../src/messages/message.js';
import type { PubSub } from '../../src/pubsub/pubsub.js';

/** Two instances on one carrier; in process they are the same one. */
export interface PubSubWorld {
  readonly here: PubSub;
  readonly there: PubSub;
  close(): Promise<void>;
}

const PATIENCE = { timeout: 20_000, interval: 10 };

export const messageEvent = (logId: string, number: number, text = `text ${number}`): LogEvent<Message> => ({
  record: {
    logId,
    number,
    authorId: '0198b7a2-6f00-7000-8000-000000000001',
    key: 'c:key',
    call: '0123456789abcdef',
    text,
    createdAt: new Date(1_764_150_000_123),
  },
  previousTag: number === 1 ? 0 : 0x0123_4567,
});

/** What every carrier of events promises; see the port. */
export function describePubSub(name: string, open: () => Promise<PubSubWorld>): void {
  describe(`PubSub on ${name}`, () => {
    let world: PubSubWorld;
    beforeEach(async () => {
      world = await open();
      await vi.waitFor(
        () => expect([world.here.mode(), world.there.mode()]).toEqual(['push', 'push']),
        PATIENCE,
      );
    });
    afterEach(() => world.close());

    const collect = async (pubsub: PubSub, roomId: string) => {
      const events: LogEvent<Message>[] = [];
      const subscription = pubsub.subscribe('message', roomId, (event) => events.push(event));
      await subscription.ready;
      return { events, subscription, numbers: () => events.map((event) => event.record.number) };
    };

    describe('publish', () => {
      it('reaches every instance, its own included, with dates and all values as they were', async () => {
        const own = await collect(world.here, 'room');
        const other = await collect(world.there, 'room');
        const event = messageEvent('room', 7, 'a \u{1F9ED} in\n"quotes" \u2028');
        world.here.publish('message', 'room', event);
        await vi.waitFor(() => expect([own.events, other.events]).toEqual([[event], [event]]), PATIENCE);
      });

      it('never runs a listener in the turn of the publisher', async () => {
        const own = await collect(world.here, 'room');
        world.here.publish('message', 'room', messageEvent('room', 1));
        expect(own.events).toEqual([]);
        await vi.waitFor(() => expect(own.numbers()).toEqual([1]), PATIENCE);
      });

      it('keeps the order of one publisher', async () => {
        const other = await collect(world.there, 'room');
        const numbers = Array.from({ length: 200 }, (_, index) => index + 1);
        for (const number of numbers) world.here.publish('message', 'room', messageEvent('room', number));
        await vi.waitFor(() => expect(other.numbers()).toEqual(numbers), PATIENCE);
      });

      it('carries every topic', async () => {
        const seen: unknown[] = [];
        await Promise.all([
          world.there.subscribe('roomRanking', 'all', (payload) => seen.push(payload)).ready,
          world.there.subscribe('visitorRenamed', 'all', (payload) => seen.push(payload)).ready,
        ]);
        world.here.publish('roomRanking', 'all', { epoch: 'e', revision: 3 });
        world.here.publish('visitorRenamed', 'all', { visitorId: 'v', displayName: 'Ada' });
        const expected = [
          { epoch: 'e', revision: 3 },
          { visitorId: 'v', displayName: 'Ada' },
        ];
        await vi.waitFor(() => expect(seen).toEqual(expected), PATIENCE);
      });

      it('survives a listener that throws, and delivers to the others', async () => {
        world.here.subscribe('message', 'room', () => {
          throw new Error('a listener failed');
        });
        const own = await collect(world.here, 'room');
        world.here.publish('message', 'room', messageEvent('room', 1));
        world.here.publish('message', 'room', messageEvent('room', 2));
        await vi.waitFor(() => expect(own.numbers()).toEqual([1, 2]), PATIENCE);
      });
    });

    describe('subscribe', () => {
      it('delivers only what is published under its topic and id', async () => {
        const one = await collect(world.here, 'one');
        const two = await collect(world.here, 'two');
        world.there.publish('roomRanking', 'one', { epoch: 'e', revision: 1 });
        world.there.publish('message', 'two', messageEvent('two', 5));
        world.there.publish('message', 'one', messageEvent('one', 6));
        await vi.waitFor(() => expect([one.numbers(), two.numbers()]).toEqual([[6], [5]]), PATIENCE);
      });

      it('gives each of several listeners of one room every event, also when one function subscribes twice', async () => {
        const numbers: number[] = [];
        const listener = (event: LogEvent<Message>) => numbers.push(event.record.number);
        const first = world.here.subscribe('message', 'room', listener);
        const second = world.here.subscribe('message', 'room', listener);
        await Promise.all([first.ready, second.ready]);
        world.there.publish('message', 'room', messageEvent('room', 1));
        await vi.waitFor(() => expect(numbers).toEqual([1, 1]), PATIENCE);
        first.close();
        const marker = await collect(world.here, 'room');
        world.there.publish('message', 'room', messageEvent('room', 2));
        await vi.waitFor(() => expect(marker.numbers()).toEqual([2]), PATIENCE);
        expect(numbers).toEqual([1, 1, 2]);
      });

      it('delivers nothing after close, and closing twice does nothing', async () => {
        const closed = await collect(world.here, 'room');
        const open = await collect(world.here, 'room');
        closed.subscription.close();
        closed.subscription.close();
        world.there.publish('message', 'room', messageEvent('room', 1));
        await vi.waitFor(() => expect(open.numbers()).toEqual([1]), PATIENCE);
        expect(closed.numbers()).toEqual([]);
      });

      it('works again after its last listener left, and when it was closed before it was ready', async () => {
        world.here.subscribe('message', 'room', () => undefined).close();
        for (let round = 1; round <= 5; round += 1) {
          world.here.subscribe('message', 'room', () => undefined).close();
          const again = await collect(world.here, 'room');
          world.there.publish('message', 'room', messageEvent('room', round));
          await vi.waitFor(() => expect(again.numbers()).toEqual([round]), PATIENCE);
          again.subscription.close();
        }
      });
    });

    describe('stop', () => {
      it('ends delivery, makes publishing do nothing, and may be repeated', async () => {
        const own = await collect(world.here, 'room');
        world.here.stop();
        world.here.stop();
        world.here.publish('message', 'room', messageEvent('room', 1));
        own.subscription.close();
        await new Promise(setImmediate);
        expect(own.events).toEqual([]);
      });
    });
  });
}
