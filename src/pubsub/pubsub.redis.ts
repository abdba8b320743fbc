import { RedisPubSub } from 'graphql-redis-subscriptions';
import type { Clock } from '../lib/clock.js';
import type { Ids } from '../lib/ids.js';
import { createListeners, type Listeners } from '../lib/listeners.js';
import type { Logger } from '../lib/logger.js';
import type { Metrics } from '../lib/metrics.js';
import type { BusMode, BusSubscription } from '../log/log-bus.js';
import type { RedisConnection } from '../redis/connection.js';
import { createBusHealth } from './bus-health.js';
import { createChannels } from './channels.redis.js';
import type { PubSub } from './pubsub.js';
import { type Codec, MAX_EVENT_BYTES, type Payload, type Topic, codecs } from './topics.js';

/** One channel of the carrier, shared by all its listeners on this instance. */
interface Fan<T extends Topic> {
  readonly listeners: Listeners<Payload<T>>;
  readonly channel: BusSubscription;
}
type Fans = { readonly [T in Topic]: Map<string, Fan<T>> };
/** What this instance published and has not heard yet, by its text: that needs no decoding. */
type Echoes = { readonly [T in Topic]: Map<string, Payload<T>> };

/** Ends each event but the last one of a message of the carrier: JSON has none of them. */
const NEWLINE = '\n';

/** The events of a message. One that is too long was not made by this program, and is not looked into. */
function* linesOf(message: Buffer): Generator<Buffer> {
  let from = 0;
  if (message.byteLength <= MAX_EVENT_BYTES) {
    for (let end = message.indexOf(NEWLINE); end !== -1; end = message.indexOf(NEWLINE, from)) {
      yield message.subarray(from, end);
      from = end + NEWLINE.length;
    }
  }
  yield message.subarray(from);
}

/** So many events may be on their way back to this instance until all of them are decoded like those of others. */
const MAX_ECHOES = 256;

/** Bytes that are no UTF-8 are not ours: no replacement characters in somebody's message. */
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * The port over Redis, by graphql-redis-subscriptions. Channels are `<prefix>:<topic>:<id>`; what is published on one of
 * them at a time, such as a batch of messages, goes in one `PUBLISH`, an event to a line. Nobody ever waits
 * for Redis and nothing here rejects: what cannot be published is lost (the store has it), and a subscription is
 * in force when Redis can be had.
 */
export function createRedisPubSub(deps: {
  redis: RedisConnection;
  clock: Clock;
  ids: Ids;
  log: Logger;
  metrics: Pick<Metrics, 'busMode' | 'busProbeSeconds' | 'busProbeFailures' | 'busEventsDropped'>;
}): PubSub {
  const { redis, clock, ids, log, metrics } = deps;
  const failed = (error: unknown): void => log.error({ err: error }, 'a listener of the bus failed');
  const modeListeners = createListeners<BusMode>(failed);
  const fans: Fans = { message: new Map(), roomRanking: new Map(), visitorRenamed: new Map() };
  const echoes: Echoes = { message: new Map(), roomRanking: new Map(), visitorRenamed: new Map() };
  /** What was published since the last microtask, by channel. */
  const unsent = new Map<string, { texts: string[]; bytes: number }>();
  let stopped = false;

  const channels = createChannels({ connection: redis.subscriber, clock, log });
  const engine = new RedisPubSub({
    publisher: redis.commands,
    subscriber: channels.client,
    serializer: String,
    // Bytes, so that the size is known before anything is parsed.
    messageEventName: 'messageBuffer',
    pmessageEventName: 'pmessageBuffer',
  });

  const ownChannel = `${redis.prefix}:health:${ids.random64()}`;
  const health = createBusHealth({
    clock,
    ids,
    sendToken: (token) => send(ownChannel, token),
    restore: () => channels.restore(),
    reconnect: () => redis.subscriber.disconnect(true),
    onMode(mode) {
      setGauge(mode);
      log.info(
        { mode },
        mode === 'push' ? 'events arrive' : 'events may not arrive; asking the store instead',
      );
      modeListeners.tell(mode);
    },
    onProbe: (seconds) => metrics.busProbeSeconds.observe(seconds),
    onFailure: () => metrics.busProbeFailures.inc(),
  });

  function setGauge(mode: BusMode): void {
    metrics.busMode.set({ mode: 'push' }, mode === 'push' ? 1 : 0);
    metrics.busMode.set({ mode: 'polling' }, mode === 'push' ? 0 : 1);
  }

  function send(channel: string, text: string): void {
    engine.publish(channel, text).catch(() => health.failed());
  }

  function collect(channel: string, text: string): void {
    const bytes = Buffer.byteLength(text) + NEWLINE.length;
    if (unsent.size === 0) queueMicrotask(sendCollected);
    const lines = unsent.get(channel);
    if (lines !== undefined && lines.bytes + bytes <= MAX_EVENT_BYTES) {
      lines.texts.push(text);
      lines.bytes += bytes;
      return;
    }
    if (lines !== undefined) send(channel, lines.texts.join(NEWLINE));
    unsent.set(channel, { texts: [text], bytes });
  }

  function sendCollected(): void {
    for (const [channel, { texts }] of unsent) send(channel, texts.join(NEWLINE));
    unsent.clear();
  }

  function listen(name: string, deliver: (bytes: Buffer) => void): BusSubscription {
    // The package's handle comes when Redis acknowledged the channel; see `channels` for why it never rejects.
    const handle = engine.subscribe<Buffer>(name, (bytes) => {
      if (!closed) deliver(bytes);
    });
    let closed = false;
    return {
      ready: handle.then(() => undefined),
      close() {
        // The package must not be asked to end what is not acknowledged yet: it would call a listener that is gone.
        if (!closed) void handle.then((id) => engine.unsubscribe(id));
        closed = true;
      },
    };
  }

  function openFan<T extends Topic>(topic: T, id: string): Fan<T> {
    const listeners = createListeners<Payload<T>>(failed);
    const channel = listen(`${redis.prefix}:${topic}:${id}`, (bytes) => {
      for (const line of linesOf(bytes)) {
        const payload = decode(topic, id, line);
        if (payload !== null) listeners.tell(payload);
      }
    });
    return { listeners, channel };
  }

  function decode<T extends Topic>(topic: T, id: string, bytes: Buffer): Payload<T> | null {
    const codec: Codec<T> = codecs[topic];
    try {
      if (bytes.byteLength > MAX_EVENT_BYTES) throw new Error('The event is too long.');
      const text = utf8.decode(bytes);
      return echoOf(topic, text) ?? codec.decode(text, id);
    } catch {
      metrics.busEventsDropped.inc({ topic });
      log.debug({ topic, bytes: bytes.byteLength }, 'dropped an event that this program did not make');
      return null;
    }
  }

  function echoOf<T extends Topic>(topic: T, text: string): Payload<T> | null {
    const sent: Map<string, Payload<T>> = echoes[topic];
    const payload = sent.get(text) ?? null;
    sent.delete(text);
    return payload;
  }

  const onReady = (): void => health.connected();
  const onClose = (): void => health.failed();
  setGauge('polling');
  const own = listen(ownChannel, (bytes) => health.heard(bytes.toString('latin1')));
  redis.subscriber.on('ready', onReady).on('close', onClose);
  if (redis.subscriber.status === 'ready') health.connected();

  function stop(): void {
    if (stopped) return;
    stopped = true;
    health.stop();
    own.close();
    for (const fan of Object.values(fans).flatMap((byId) => [...byId.values()])) {
      fan.listeners.clear();
      fan.channel.close();
    }
    for (const byId of Object.values(fans)) byId.clear();
    channels.stop();
    redis.subscriber.off('ready', onReady).off('close', onClose);
    modeListeners.clear();
  }

  return {
    publish<T extends Topic>(topic: T, id: string, payload: Payload<T>) {
      if (stopped) return;
      const codec: Codec<T> = codecs[topic];
      const text = codec.encode(payload);
      const sent: Map<string, Payload<T>> = echoes[topic];
      if (sent.size === MAX_ECHOES) sent.clear();
      if (fans[topic].has(id)) sent.set(text, payload);
      collect(`${redis.prefix}:${topic}:${id}`, text);
    },
    subscribe<T extends Topic>(topic: T, id: string, listener: (payload: Payload<T>) => void) {
      const byId: Map<string, Fan<T>> = fans[topic];
      const fan = byId.get(id) ?? openFan(topic, id);
      byId.set(id, fan);
      const end = fan.listeners.add(listener);
      return {
        ready: fan.channel.ready,
        close() {
          end();
          if (!fan.listeners.isEmpty()) return;
          if (byId.get(id) === fan) byId.delete(id);
          fan.channel.close();
        },
      };
    },
    mode: () => health.mode(),
    onMode: modeListeners.add,
    stop,
  };
}
