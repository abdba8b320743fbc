import type { TypedDocumentNode } from '@urql/core';
import { CloseCode, createClient } from 'graphql-ws';
import { createBackoff, reconnectJitter } from './backoff.js';
import { closable } from './closable-client.js';
import type { AnyVariables } from './connection.js';
import { renewToken } from './documents.js';
import { systemEnvironment, type Environment, type KeyValueStorage } from './environment.js';
import { takeTurn, type Exclusive } from './exclusive.js';
import { forgivingStorage } from './forgiving-storage.js';
import { createIdentity } from './identity.js';
import { alwaysOnline, type Network } from './network.js';
import { isObject, RequestError, throwUserError, toRequestError } from './request-error.js';
import { createRequests } from './requests.js';
import { createStore, type Readable } from './store.js';

/**
 * `connecting` for the first time · `connected` · `reconnecting` after a loss · `offline`: not connected, and the
 * browser says that there is no network · `closed` for good.
 */
export type ConnectionState = 'connecting' | 'connected' | 'reconnecting' | 'offline' | 'closed';

/** After a drain (close code 1012) everybody comes back within this many milliseconds, not at once. */
const DRAIN_SPREAD_MS = 5000;
/** A ping of ours goes out after this many milliseconds without one. */
const PING_INTERVAL_MS = 10_000;
/** A connection that leaves a ping unanswered for this many milliseconds is given up. */
const PONG_LIMIT_MS = 5000;
/** An upgrade that is not acknowledged in this many milliseconds is given up. */
const ACK_LIMIT_MS = 10_000;
const SERVICE_RESTART = 1012;

export interface SocketOptions {
  /** Address of the endpoint, `ws:` or `wss:`. */
  url: string;
  /** Where the token lives between visits. */
  storage: KeyValueStorage;
  /** What is known about the network; left out, it is taken to be there always. */
  network?: Network;
  /** Makes pages that share the storage take turns while they have no token, so that they become one guest. */
  exclusive?: Exclusive;
  environment?: Environment;
  /** A WebSocket class where there is no global one. */
  webSocket?: unknown;
}

/**
 * One connection for everything, as one visitor. It opens at once, keeps visitor and token over reconnects,
 * and tries again for ever: full jitter from 0.5 s doubling to 4 s and, after eight tries, to 30 s; after a drain a
 * further random 0–5 s; at once when the network comes back. A token that the server refuses (4403) is dropped, a fresh guest takes its place,
 * and `replaced` counts it. Close codes that no retry can heal end it: `closed`.
 */
export type Socket = ReturnType<typeof createSocket>;

export function createSocket(options: SocketOptions) {
  const { url, network = alwaysOnline, environment = systemEnvironment } = options;
  const state = createStore<ConnectionState>('connecting');
  const visitorId = createStore<string | null>(null);
  const replaced = createStore(0);
  const storage = forgivingStorage(options.storage);
  const identity = createIdentity({ storage, environment, renew: () => void renew() });
  const renewal = createBackoff(environment);
  /** The token that the present connection stands on. */
  let usedToken: string | null = null;
  let drained = false;
  let everConnected = false;
  let impatient = false;
  const hurry = () => {
    impatient = true;
  };
  /** Ends the present wait, or leaves out the next one. */
  let wake = hurry;
  /** Ends the turn in which this page, and no other, becomes a guest. */
  let endTurn = () => {};
  let connections = 0;
  let cancelRenewal = () => {};
  let cancelPongLimit = () => {};

  const opened = createClient({
    url,
    lazy: false,
    keepAlive: PING_INTERVAL_MS,
    connectionAckWaitTimeout: ACK_LIMIT_MS,
    retryAttempts: Infinity,
    // The default gives up when a connection is refused: a browser reports that as an error, not as a close.
    shouldRetry: () => true,
    retryWait,
    onNonLazyError: () => lost('closed'),
    connectionParams: () => {
      usedToken = identity.token();
      if (usedToken !== null) return { token: usedToken };
      return options.exclusive === undefined ? {} : asOneGuest(options.exclusive);
    },
    ...(options.webSocket === undefined ? {} : { webSocketImpl: options.webSocket }),
    on: {
      connecting: () => {
        drained = false;
      },
      connected: (_socket, payload) => {
        // Another page became a guest while this one was taken in as a new one: this is that one, too.
        if (usedToken === null && identity.token() !== null) {
          hurry();
          return opened.terminate();
        }
        everConnected = true;
        impatient = false;
        welcome(payload);
        endTurn();
        state.set('connected');
      },
      ping: (received) => {
        if (!received) cancelPongLimit = environment.after(PONG_LIMIT_MS, () => opened.terminate());
      },
      pong: (received) => {
        if (received) cancelPongLimit();
      },
      error: () => lost(),
      closed: (event) => {
        const code = isObject(event) ? event['code'] : null;
        drained = code === SERVICE_RESTART;
        if (code === CloseCode.Forbidden && usedToken !== null) {
          identity.drop(usedToken);
          replaced.set(replaced.get() + 1);
        }
        lost();
      },
    },
  });
  const client = closable(opened, () => state.get() === 'closed');
  const requests = createRequests(client);

  const unwatchNetwork = network.watch(() => {
    const connected = state.get() === 'connected';
    if (connected && !network.online()) client.terminate();
    if (connected) return;
    tellLoss();
    if (network.online()) wake();
  });

  function keep(token: string, expiresAt: string): void {
    usedToken = token;
    identity.keep(token, expiresAt);
  }

  async function asOneGuest(exclusive: Exclusive): Promise<{ token?: string }> {
    const mine = connections;
    const end = await takeTurn(exclusive, environment);
    usedToken = identity.token();
    if (mine === connections && usedToken === null) endTurn = end;
    else end();
    return usedToken === null ? {} : { token: usedToken };
  }

  /** What the server says of us when it takes us in. */
  function welcome(payload: unknown): void {
    const ack = (payload ?? {}) as { token?: unknown; expiresAt?: unknown; visitor?: { id: string } };
    if (typeof ack.token === 'string' && typeof ack.expiresAt === 'string') {
      keep(ack.token, ack.expiresAt);
    }
    visitorId.set(ack.visitor?.id ?? null);
  }

  function lost(final?: 'closed'): void {
    cancelPongLimit();
    connections += 1;
    endTurn();
    if (final === 'closed') state.set('closed');
    else tellLoss();
    requests.disconnected();
  }

  function tellLoss(): void {
    if (state.get() === 'closed') return;
    state.set(network.online() ? (everConnected ? 'reconnecting' : 'connecting') : 'offline');
  }

  function retryWait(attempt: number): Promise<void> {
    const spread = drained ? environment.random() * DRAIN_SPREAD_MS : 0;
    const wait = impatient ? 0 : spread + reconnectJitter(attempt, environment.random);
    impatient = false;
    return new Promise((resolve) => {
      const go = () => {
        cancel();
        wake = hurry;
        resolve();
      };
      const cancel = environment.after(wait, go);
      wake = go;
    });
  }

  async function renew(): Promise<void> {
    cancelRenewal();
    try {
      const { createVisitor } = await requests.execute(renewToken, {});
      throwUserError(createVisitor?.userErrors);
      const { token, expiresAt } = createVisitor ?? {};
      if (typeof token !== 'string' || typeof expiresAt !== 'string') {
        throw new RequestError('UNAVAILABLE', 'The answer holds no token.');
      }
      renewal.reset();
      keep(token, expiresAt);
    } catch (cause) {
      if (state.get() === 'closed') return;
      const wait = renewal.next(toRequestError(cause).retryAfterMs);
      cancelRenewal = environment.after(wait, () => void renew());
    }
  }

  return {
    execute: requests.execute,
    subscribe: requests.subscribe,
    /**
     * Runs a mutation on the present connection alone.
     *
     * @throws RequestError `DISCONNECTED` when there is none, or when it ends before the answer; as `execute` otherwise.
     */
    executeOnce: <Data, Variables extends AnyVariables>(
      document: TypedDocumentNode<Data, Variables>,
      variables: Variables,
    ) =>
      state.get() === 'connected'
        ? requests.executeOnce(document, variables)
        : Promise.reject(new RequestError('DISCONNECTED', 'There is no connection.')),
    /** The graphql-ws client, for what wants to speak to it as it is. */
    client,
    state: state as Readable<ConnectionState>,
    /** Identifier of the visitor this is; null until the first connection. */
    visitorId: visitorId as Readable<string | null>,
    /** How often a refused token made a fresh guest of this visitor. */
    replaced: replaced as Readable<number>,
    /** Tries now rather than at the end of the present wait; does nothing while connected. */
    wake(): void {
      if (state.get() !== 'connected') wake();
    },
    /** Ends the connection for good. */
    close(): void {
      unwatchNetwork();
      identity.stop();
      cancelRenewal();
      lost('closed');
      Promise.resolve(client.dispose()).catch(() => {});
      client.terminate();
      wake();
    },
  };
}
