import type { Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { sleep, type Clock } from '../lib/clock.js';
import type { Logger } from '../lib/logger.js';
import { closeConnection, type Connection } from './connection.js';

/** A socket waits so long for its running mutations before it is closed. */
const MUTATION_WAIT_MS = 1000;
/** What is still there so long after the window is cut. */
const LAST_WAIT_MS = 5000;
/** The same when everything ends at once: somebody waits at a terminal. */
const HASTY_WAIT_MS = 500;
/** What a balancer had on its way to the server when that stopped listening has begun to come by then. */
const ON_ITS_WAY_MS = 500;
/** Whatever delay and window are, everybody has been sent away by then: a drain ends within 25 s. */
const LIMIT_MS = 20_000;
const CLOSE_RESTART = 1012;
/** For so long those who wait are accepted before the server stops listening; they may come faster than they go. */
const ACCEPTING_MS = 2000;

export interface DrainOptions {
  /** How long the server goes on as usual after it said that it is not ready, in milliseconds. */
  readonly delayMs: number;
  /** Over how long its connections are closed, evenly; 0: all at once. */
  readonly windowMs: number;
}

/**
 * Accepts who waits: a server that stops listening resets them, and a request that a balancer has written to one of them
 * is lost. Node accepts one connection in each turn of the event loop; resolves in the turn that met none.
 *
 * @param patience - ends it in any case: a turn is long while thousands wait.
 */
async function acceptWaiting(server: Server, patience: Promise<void>): Promise<void> {
  const state = { met: true, over: false };
  void patience.then(() => (state.over = true));
  const onConnection = (): void => void (state.met = true);
  const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  server.on('connection', onConnection);
  // The rest of this turn may meet nobody.
  await turn();
  while (state.met && !state.over) {
    state.met = false;
    await turn();
  }
  server.off('connection', onConnection);
}

/**
 * Sends everybody away without losing anything: first nobody new is sent here, then nobody new is let in, then
 * sockets are closed with 1012 and event streams are cut, one after the other, so that clients do not all come
 * back to the next instance in one moment. A subscription is never completed: it goes on elsewhere.
 */
export function createDrain({
  clock,
  log,
  server,
  ownsServer,
  connections,
  silent,
  streams,
}: {
  clock: Clock;
  log: Logger;
  server: Server;
  /** A host's server is left open. */
  ownsServer: boolean;
  connections: ReadonlySet<Connection>;
  /** Connections that have not asked for anything yet. */
  silent: ReadonlySet<Socket>;
  streams: ReadonlySet<ServerResponse>;
}) {
  const state = { draining: false, refusing: false };
  let hurry: () => void = () => undefined;
  const hurried = new Promise<void>((resolve) => (hurry = resolve));
  let drained: Promise<void> | undefined;

  const pause = (ms: number): Promise<void> => Promise.race([hurried, sleep(clock, ms)]);

  async function sendAway(connection: Connection): Promise<void> {
    const { mutations } = connection;
    if (mutations !== null && mutations.size > 0) {
      await Promise.race([Promise.allSettled(mutations), pause(MUTATION_WAIT_MS)]);
      // The answer is written in the turn in which the mutation ends.
      await pause(0);
    }
    closeConnection(connection, CLOSE_RESTART, 'The server restarts');
  }

  async function sendAllAway(windowMs: number): Promise<void> {
    const closing: Promise<void>[] = [];
    const leaving = [
      ...[...connections].map((connection) => () => closing.push(sendAway(connection))),
      ...[...streams].map((stream) => () => stream.destroy()),
    ];
    const startedAt = clock.monotonic();
    for (const [index, leave] of leaving.entries()) {
      const due = startedAt + (windowMs * index) / leaving.length;
      const wait = due - clock.monotonic();
      if (windowMs > 0 && wait > 0) await pause(wait);
      leave();
    }
    await Promise.all(closing);
  }

  async function endSilent(): Promise<void> {
    await pause(ON_ITS_WAY_MS);
    for (const socket of silent) if (socket.bytesRead === 0) socket.destroy();
  }

  async function run({ delayMs, windowMs }: DrainOptions): Promise<void> {
    state.draining = true;
    const cancelLimit = clock.after(LIMIT_MS, hurry);
    const startedAt = clock.monotonic();
    const tell = (stage: string): void => {
      const passedMs = Math.round(clock.monotonic() - startedAt);
      log.info({ passedMs, sockets: connections.size, streams: streams.size }, stage);
    };
    tell('drain: not ready any more, serving on');
    if (delayMs > 0) await pause(delayMs);
    state.refusing = true;
    if (ownsServer) await acceptWaiting(server, pause(ACCEPTING_MS));
    const closed = new Promise<void>((resolve) => {
      if (ownsServer && server.listening) server.close(() => resolve());
      else resolve();
    });
    if (ownsServer) {
      // An answer under way may have promised to keep its connection; 0 would keep it for ever.
      server.keepAliveTimeout = 1;
      void endSilent();
    }
    tell('drain: nobody new is let in, connections are sent away');
    await sendAllAway(windowMs);
    const leaving = new Set([
      ...[...connections].map(({ ws }) => ws),
      ...[...streams].map((stream) => stream.req.socket),
    ]);
    const gone = Promise.all([
      closed,
      ...[...leaving].map((each) => new Promise((resolve) => each.once('close', resolve))),
    ]);
    await Promise.race([gone, pause(windowMs === 0 && delayMs === 0 ? HASTY_WAIT_MS : LAST_WAIT_MS)]);
    if (connections.size + streams.size > 0) tell('drain: what is left is cut');
    for (const { ws } of connections) ws.terminate();
    for (const stream of streams) stream.destroy();
    if (ownsServer) server.closeAllConnections();
    await closed;
    cancelLimit();
    tell('drain: over');
  }

  return {
    /** Whether this server wants no new visitors. */
    draining: () => state.draining,
    /** Whether it refuses them. */
    refusing: () => state.refusing,
    /**
     * Resolves when every connection has ended. A second call, whatever it asks for, ends them all now and
     * resolves with the first.
     */
    drain(options: DrainOptions): Promise<void> {
      if (drained === undefined) drained = run(options);
      else hurry();
      return drained;
    },
  };
}
