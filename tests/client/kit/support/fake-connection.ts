import { RequestError, type Connection, type Sink } from '../../../../client/kit/index.js';

/** What was asked for, and how it is answered. */
export interface Request {
  readonly variables: Record<string, unknown>;
  answer(data: unknown): Promise<void>;
  fail(code: string, retryAfterMs?: number): Promise<void>;
}

interface Subscription {
  /** The variables as they are now. */
  variables(): Record<string, unknown>;
  readonly sink: Sink<never>;
  ended: boolean;
}

/** A connection whose other end is the test. */
export function createFakeConnection() {
  const requests: Request[] = [];
  const subscriptions: Subscription[] = [];
  const settled = async () => {
    for (let turn = 0; turn < 10; turn++) await Promise.resolve();
  };
  const connection: Connection = {
    execute: (_document, variables) =>
      new Promise((resolve, reject) => {
        requests.push({
          variables,
          answer: async (data) => {
            resolve(data as never);
            await settled();
          },
          fail: async (code, retryAfterMs) => {
            reject(new RequestError(code, code, retryAfterMs ?? null));
            await settled();
          },
        });
      }),
    subscribe: (_document, variables, sink) => {
      const subscription: Subscription = { variables, sink, ended: false };
      subscriptions.push(subscription);
      return () => {
        subscription.ended = true;
      };
    },
  };
  return {
    connection,
    requests,
    subscriptions,
    /** The request made last. */
    request: () => requests.at(-1)!,
    /** The subscription opened last. */
    subscription: () => subscriptions.at(-1)!,
    send: (data: unknown): void => {
      subscriptions.at(-1)!.sink.next(data as never);
    },
    break: (code: string, retryAfterMs?: number): void => {
      subscriptions.at(-1)!.sink.error(new RequestError(code, code, retryAfterMs ?? null));
    },
  };
}
