import { randomUUID } from 'node:crypto';
import { request } from '../graphql-client.js';
import { SEND_MESSAGE, type Sent, type TestVisitor } from '../seed.js';
import type { History } from './history.js';

export interface SenderOptions {
  /** Unique in the history. */
  readonly who: string;
  readonly roomId: string;
  readonly visitor: TestVisitor;
  readonly target: () => string;
  readonly history: History;
  /** Characters of each text beyond its own key. */
  readonly padding?: number;
  readonly requestTimeoutMs?: number;
}

/** Sends one message after the other, each with its key until it is acknowledged, on whichever instance answers. */
export interface Sender {
  /** Sends one message; resolves when it is acknowledged. */
  send(): Promise<void>;
  /** Sends at this rate (as far as acknowledgements allow) until `stop`. */
  run(perSecond: number): void;
  /** Ends `run`; resolves when its last message is acknowledged. */
  stop(): Promise<void>;
  /** How many were acknowledged. */
  acked(): number;
  /** How many needed more than one try. */
  retried(): number;
  /** How many were acknowledged as stored by an earlier try. */
  duplicates(): number;
  /** Why tries had to be repeated, and how often each. */
  readonly failures: ReadonlyMap<string, number>;
  /** How many tries had no answer, or one that says to try again. */
  retries(): number;
  /** Time of each acknowledged send from its first try, in milliseconds. */
  readonly ackMs: readonly number[];
}

const LONGEST_RETRY_MS = 1_000;
const REQUEST_TIMEOUT_MS = 10_000;
const RETRYABLE = new Set(['UNAVAILABLE', 'OVERLOADED', 'RATE_LIMITED']);

export function createSender(options: SenderOptions): Sender {
  const { who, roomId, visitor, target, history } = options;
  const padding = '.'.repeat(options.padding ?? 0);
  const ackMs: number[] = [];
  const failures = new Map<string, number>();
  let retries = 0;
  let acked = 0;
  let duplicates = 0;
  let retried = 0;
  let stopped = false;
  let running: Promise<void> = Promise.resolve();

  const failed = (why: string): void => void failures.set(why, (failures.get(why) ?? 0) + 1);

  /** True when it was acknowledged or refused for good, false when it must be tried again. */
  async function attempt(key: string, text: string, sentAt: number): Promise<boolean> {
    const input = { roomId, text, idempotencyKey: key };
    const once = { token: visitor.token, timeoutMs: options.requestTimeoutMs ?? REQUEST_TIMEOUT_MS };
    // No answer, or no instance to ask.
    let instance = '';
    const answer = await Promise.resolve()
      .then(() => {
        instance = target();
        return request<{ sendMessage: Sent | null }>(instance, SEND_MESSAGE, { input }, once);
      })
      .catch((error: unknown) => {
        failed(whyOf(error));
        return null;
      });
    const sent = answer?.data?.sendMessage;
    const t = performance.now();
    if (sent?.message !== null && sent?.message !== undefined) {
      acked += 1;
      if (sent.duplicate) duplicates += 1;
      history.record({ op: 'ack', t, sentAt, instance, who, room: roomId, key, ...sent.message });
      return true;
    }
    const codes = [
      ...(sent?.userErrors ?? []).map(({ code }) => code),
      ...(answer?.errors ?? []).map(({ extensions }) => extensions?.code ?? 'no code'),
    ];
    const fatal = codes.filter((code) => !RETRYABLE.has(code));
    if (fatal.length === 0) {
      if (answer !== null) failed(codes.join(', '));
      return false;
    }
    history.record({ op: 'refused', t, who, room: roomId, problem: `send: ${fatal.join(', ')}` });
    return true;
  }

  async function send(): Promise<void> {
    const key = randomUUID();
    const started = performance.now();
    for (let tries = 0; !(await attempt(key, `${key} ${padding}`.trim(), started)); tries += 1) {
      if (tries === 0) retried += 1;
      retries += 1;
      await waitMs(Math.random() * Math.min(LONGEST_RETRY_MS, 50 * 2 ** tries));
    }
    ackMs.push(performance.now() - started);
  }

  /** Each in its own time, as people do: senders in step would send all at once and then be silent. */
  async function loop(perSecond: number): Promise<void> {
    const intervalMs = 1000 / perSecond;
    await waitMs(Math.random() * intervalMs);
    while (!stopped) {
      const started = performance.now();
      await send();
      const pauseMs = (0.5 + Math.random()) * intervalMs;
      await waitMs(Math.max(0, pauseMs - (performance.now() - started)));
    }
  }

  return {
    send,
    run: (perSecond) => void (running = loop(perSecond)),
    async stop() {
      stopped = true;
      await running;
    },
    acked: () => acked,
    failures,
    retries: () => retries,
    retried: () => retried,
    duplicates: () => duplicates,
    ackMs,
  };
}

/** What a failed request says of its cause, in one line. */
export function whyOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { cause } = error;
  const [why = ''] = (cause instanceof Error && cause.message !== '' ? cause : error).message.split('\n', 1);
  return why.replace(/(?:127\.0\.0\.1|localhost):\d+/, 'an instance');
}

const waitMs = (ms: number): Promise<void> =>
  new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
