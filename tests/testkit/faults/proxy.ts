import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';

export interface Target {
  readonly host: string;
  readonly port: number;
}

/** What the proxy does to what passes, until it is told otherwise. */
export interface Toxics {
  /** Delays everything by this long, in each direction. */
  latencyMs: number;
  /** Delays by up to this much more, at random. */
  jitterMs: number;
  /** Bytes per second and direction. */
  bandwidth: number;
  /** Half-open: connections stay, new ones are accepted, nothing passes. What was sent passes afterwards. */
  blackhole: boolean;
  /** Cuts every connection at once and every new one right after it was accepted. */
  down: boolean;
  /** How likely it is that the answer to a request is lost: the connection is reset instead. */
  lostAnswers: number;
}

/** A TCP proxy that does harm on request. It knows nothing of what passes through it. */
export interface FaultProxy {
  readonly host: string;
  readonly port: number;
  /** Changes some toxics; the others stay. */
  set(toxics: Partial<Toxics>): void;
  /** Ends all harm. */
  heal(): void;
  /** Resets all connections (RST). */
  reset(): void;
  /** Ends all connections properly (FIN). */
  cut(): void;
  /** New connections go to another target; old ones stay where they are. */
  retarget(target: Target): void;
  /**
   * Moves connections that are open, those with one of these local ports at their server, to another server. Their
   * clients notice nothing: the connection stays, and what was agreed on it is gone.
   */
  move(ports: ReadonlySet<number>, target: Target): void;
  /** How many connections are open. */
  connections(): number;
  /** How many answers were lost. */
  lost(): number;
  close(): Promise<void>;
}

const HOST = '127.0.0.1';
const POLL_MS = 10;
const SECOND_MS = 1000;
/** What a narrow link carries at a time, in seconds. */
const SLICE_S = 0.1;
const healthy: Toxics = {
  latencyMs: 0,
  jitterMs: 0,
  bandwidth: Number.POSITIVE_INFINITY,
  blackhole: false,
  down: false,
  lostAnswers: 0,
};

interface Pair {
  readonly client: Socket;
  /** Another one after a move. */
  upstream: Socket;
}

/** Starts a proxy in front of `target`. Without one, connections are refused until `retarget`. */
export async function startFaultProxy(
  target: Target | null,
  chance: () => number = Math.random,
): Promise<FaultProxy> {
  const toxics: Toxics = { ...healthy };
  const pairs = new Set<Pair>();
  let to = target;
  let lost = 0;

  /** Passes on what comes from one side of a pair, as long as it is a side of it. */
  async function pump(from: Socket, side: 'client' | 'upstream', pair: Pair): Promise<void> {
    const into = (): Socket => (side === 'client' ? pair.upstream : pair.client);
    const isGone = (): boolean => !pairs.has(pair) || pair[side] !== from;
    for await (const chunk of from as AsyncIterable<Buffer>) {
      if (side === 'upstream' && toxics.lostAnswers > 0 && chance() < toxics.lostAnswers) {
        lost += 1;
        resetPair(pair);
        return;
      }
      const delay = toxics.latencyMs + chance() * toxics.jitterMs;
      if (delay > 0) await wait(delay);
      for (let at = 0; at < chunk.length;) {
        // A narrow link carries little at a time, not everything late.
        const slice = chunk.subarray(at, at + Math.max(1, Math.floor(toxics.bandwidth * SLICE_S)));
        at += slice.length;
        const takesMs = (slice.length / toxics.bandwidth) * SECOND_MS;
        if (takesMs > 0) await wait(takesMs);
        while (toxics.blackhole && pairs.has(pair)) await wait(POLL_MS);
        const to = into();
        if (to.destroyed || isGone()) return;
        if (!to.write(slice)) await Promise.race([once(to, 'drain'), once(to, 'close')]);
      }
    }
    if (!isGone()) into().end();
  }

  /** Makes a socket the upstream of a pair, with all that follows from its end while it is that. */
  function attach(pair: Pair, upstream: Socket): void {
    const isOurs = (): boolean => pair.upstream === upstream;
    upstream.setNoDelay();
    upstream.on('error', () => isOurs() && pair.client.resetAndDestroy());
    upstream.once('close', () => isOurs() && drop(pair, pair.client));
    pump(upstream, 'upstream', pair).catch(() => isOurs() && pair.client.destroy());
  }

  function drop(pair: Pair, other: Socket): void {
    pairs.delete(pair);
    if (!other.destroyed) other.end();
  }

  function resetPair({ client, upstream }: Pair): void {
    client.resetAndDestroy();
    upstream.resetAndDestroy();
  }

  const server = createServer({ allowHalfOpen: true }, (client) => {
    client.on('error', () => undefined);
    if (toxics.down || to === null) {
      client.resetAndDestroy();
      return;
    }
    const pair: Pair = { client, upstream: connect({ ...to, allowHalfOpen: true }) };
    pairs.add(pair);
    client.setNoDelay();
    client.once('close', () => drop(pair, pair.upstream));
    attach(pair, pair.upstream);
    pump(client, 'client', pair).catch(() => pair.upstream.destroy());
  });
  server.listen(0, HOST);
  await once(server, 'listening');

  const each = (act: (pair: Pair) => void): void => {
    for (const pair of pairs) act(pair);
  };
  return {
    host: HOST,
    port: (server.address() as AddressInfo).port,
    set(changes) {
      Object.assign(toxics, changes);
      if (toxics.down) each(resetPair);
    },
    heal: () => void Object.assign(toxics, healthy),
    reset: () => each(resetPair),
    cut() {
      each(({ client, upstream }) => {
        client.end();
        upstream.end();
      });
    },
    retarget: (target) => void (to = target),
    move(ports, target) {
      each((pair) => {
        const { upstream: old } = pair;
        if (!ports.has(old.localPort ?? 0)) return;
        pair.upstream = connect({ ...target, allowHalfOpen: true });
        attach(pair, pair.upstream);
        old.destroy();
      });
    },
    connections: () => pairs.size,
    lost: () => lost,
    async close() {
      each(resetPair);
      server.close();
      await once(server, 'close');
    },
  };
}
