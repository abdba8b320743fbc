import { MESSAGE_ADDED, readPage, type MessageAdded } from '../seed.js';
import { openSocket, type GraphqlSocket } from '../socket-client.js';
import type { History } from './history.js';
import { whyOf } from './sender.js';

export interface FollowerOptions {
  /** Unique in the history. */
  readonly who: string;
  readonly roomId: string;
  /** Where to connect next; asked before every try, so it may move between instances. */
  readonly target: () => string;
  readonly history: History;
  readonly token?: string;
  /** Cuts a connection whose server leaves pings unanswered this long; null: never. */
  readonly silenceMs?: number | null;
  /** Begin behind this message number with this cursor, instead of at the newest page. */
  readonly begin?: { readonly number: number | null; readonly cursor: string | null };
}

/** A client that never gives up: it resumes by its cursor, on whichever instance answers. */
export interface Follower {
  /** Number of the newest message that arrived, or where it began. */
  position(): number | null;
  /** Resolves when it is subscribed for the first time. */
  readonly begun: Promise<void>;
  /** Longest time without a working connection so far, in milliseconds. */
  longestPauseMs(): number;
  /** How often it had to connect again. */
  reconnects(): number;
  /** When its connections ended, by `performance.now()`. */
  readonly endedAt: readonly number[];
  /** Why tries to connect failed, and how often each. */
  readonly failures: ReadonlyMap<string, number>;
  /** The socket of the moment. */
  socket(): GraphqlSocket | null;
  /** Ends it where it is: it is judged by whether it reached the head. */
  stop(): Promise<void>;
  /** Ends it early: it is judged by what it got so far. */
  leave(): Promise<void>;
}

const SILENCE_MS = 4_000;
const CONNECT_TIMEOUT_MS = 5_000;
const LONGEST_RETRY_MS = 1_000;
/** Codes after which the same request may be made again. */
const RETRYABLE = new Set(['UNAVAILABLE', 'OVERLOADED', 'RATE_LIMITED']);

export function startFollower(options: FollowerOptions): Follower {
  const { who, roomId, target, history, token, begin } = options;
  const silenceMs = options.silenceMs === undefined ? SILENCE_MS : (options.silenceMs ?? undefined);
  let number = begin?.number ?? null;
  let cursor = begin?.cursor ?? null;
  let visitorToken = token;
  let current: GraphqlSocket | null = null;
  let stopped = false;
  let downSince: number | null = null;
  let longestPause = 0;
  let connects = 0;
  const failed = new Map<string, number>();
  const endedAt: number[] = [];
  let hasBegun: () => void = () => undefined;
  const begun = new Promise<void>((resolve) => (hasBegun = resolve));
  const now = (): number => performance.now();
  const refused = (problem: string): void =>
    history.record({ op: 'refused', t: now(), who, room: roomId, problem });

  function isUp(): void {
    if (downSince !== null) longestPause = Math.max(longestPause, now() - downSince);
    downSince = null;
  }

  async function enter(url: string): Promise<void> {
    if (cursor === null && begin === undefined) {
      const page = await readPage(url, roomId, { last: 1 });
      number = page.nodes.at(-1)?.number ?? 0;
      cursor = page.resumeCursor;
    }
    if (connects === 0) history.record({ op: 'begin', t: now(), who, room: roomId, number });
  }

  function deliver({ messageAdded: event }: MessageAdded): void {
    const { message, skippedCount: skipped } = event;
    isUp();
    history.record({ op: 'deliver', t: now(), who, room: roomId, skipped, ...message });
    number = message.number;
    cursor = event.cursor;
  }

  /** One connection, from its start to its end. */
  async function connectOnce(): Promise<void> {
    const url = target();
    await enter(url);
    const socket = await openSocket(url, {
      token: visitorToken,
      timeoutMs: CONNECT_TIMEOUT_MS,
      ...(silenceMs === undefined ? {} : { silenceMs }),
    });
    if (stopped) {
      socket.close();
      return;
    }
    current = socket;
    visitorToken = socket.ack.token ?? visitorToken;
    connects += 1;
    const operation = socket.subscribe<MessageAdded>(
      MESSAGE_ADDED,
      { roomId, after: cursor },
      { next: deliver },
    );
    isUp();
    hasBegun();
    const how = await operation.ended;
    if (stopped) return;
    downSince = now();
    endedAt.push(downSince);
    if (how === 'complete') refused('the server completed the subscription');
    for (const { extensions, message } of operation.errors) {
      if (!RETRYABLE.has(extensions?.code ?? '')) refused(`${extensions?.code}: ${message}`);
    }
    socket.close();
    const { code } = await Promise.race([socket.closed, waitMs(LONGEST_RETRY_MS).then(() => ({ code: 0 }))]);
    socket.cut();
    if (code >= 4000 && code !== 4403) refused(`the server closed with ${code}`);
  }

  async function run(): Promise<void> {
    for (let failures = 0; !stopped;) {
      try {
        await connectOnce();
        failures = 0;
      } catch (error) {
        failures += 1;
        const why = whyOf(error);
        failed.set(why, (failed.get(why) ?? 0) + 1);
      }
      downSince ??= now();
      if (!stopped) await waitMs(Math.random() * Math.min(LONGEST_RETRY_MS, 100 * 2 ** failures));
    }
  }

  const running = run();

  async function stop(): Promise<void> {
    stopped = true;
    const socket = current;
    socket?.close();
    setTimeout(() => socket?.cut(), LONGEST_RETRY_MS).unref();
    await running;
  }

  return {
    position: () => number,
    begun,
    longestPauseMs: () => Math.max(longestPause, downSince === null || stopped ? 0 : now() - downSince),
    reconnects: () => Math.max(0, connects - 1),
    endedAt,
    failures: failed,
    socket: () => current,
    stop,
    async leave() {
      await stop();
      history.record({ op: 'end', t: now(), who, room: roomId });
    },
  };
}

const waitMs = (ms: number): Promise<void> =>
  new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
