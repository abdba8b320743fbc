import { trace } from '@opentelemetry/api';
import {
  InMemorySpanExporter,
  NodeTracerProvider,
  SimpleSpanProcessor,
  type ReadableSpan,
} from '@opentelemetry/sdk-trace-node';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { createApp } from '../../src/app.js';
import { loadConfig } from '../../src/config.js';
import { silentLogger } from '../../src/lib/logger.js';
import { foundation } from '../testkit/foundation.js';
import { createRoom, createVisitor, MESSAGE_ADDED, readPage, sendMessage } from '../testkit/seed.js';
import { openSocket } from '../testkit/socket-client.js';

const WAIT = { timeout: 30_000, interval: 50 };
const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

const idOf = (span: ReadableSpan | undefined) => span?.spanContext().spanId;
const linksOf = (span: ReadableSpan | undefined) => span?.links.map(({ context }) => context.spanId);

describe('spans of a message, from the instance that took it to the one that delivers it', () => {
  it('name each other: the batch its sends, the delivery the send whose message it brings', async () => {
    const exporter = new InMemorySpanExporter();
    const provider = new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
    provider.register();
    closers.push(() => trace.disable());
    const ground = await foundation('distributed');
    closers.push(() => ground.dispose());
    const apps = [];
    for (let count = 0; count < 2; count += 1) {
      const app = createApp(loadConfig({ ...ground.env, PORT: '0' }), { log: silentLogger });
      closers.push(() => app.stop({ hurry: true }));
      await app.start();
      apps.push(app.url);
    }
    const [one = '', two = ''] = apps;
    const visitor = await createVisitor(one);
    const roomId = await createRoom(one, visitor);
    const { resumeCursor: after } = await readPage(two, roomId, { last: 1 });
    const socket = await openSocket(two);
    closers.push(() => socket.cut());
    const messages = socket.subscribe(MESSAGE_ADDED, { roomId, after });
    await sendMessage(two, visitor, { roomId, text: 'the subscription is in force' });
    await vi.waitFor(() => expect(messages.data).toHaveLength(1), WAIT);
    exporter.reset();

    await sendMessage(one, visitor, { roomId, text: 'a secret' });
    await vi.waitFor(() => expect(messages.data).toHaveLength(2), WAIT);
    const named = (name: string) => exporter.getFinishedSpans().filter((span) => span.name === name);
    // The subscriber is on the other instance, and only that one follows the room.
    await vi.waitFor(() => expect(named('deliver message')).toHaveLength(1), WAIT);
    const [sent] = named('graphql mutation');
    const [written] = named('append messages');
    const [delivered] = named('deliver message');
    expect(linksOf(written)).toEqual([idOf(sent)]);
    expect(linksOf(delivered)).toEqual([idOf(sent)]);
    expect(delivered?.links[0]?.context.traceId).toBe(sent?.spanContext().traceId);
    expect(delivered?.spanContext().traceId).not.toBe(sent?.spanContext().traceId);
    const told = exporter.getFinishedSpans().map(({ name, attributes }) => ({ name, attributes }));
    expect(JSON.stringify(told)).not.toMatch(/secret/);
  });
});
