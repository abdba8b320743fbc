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
  /** How many connections are open. */
  connections(): number;
  /** How many answers were lost. */
  lost(): number;
  close(): Promise<void>;
}

const HOST = '127.0.0.1';
const POLL_MS = 10;
const SECOND_MS = 1000;
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
  readonly upstream: Socket;
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

  async function pump(from: Socket, into: Socket, pair: Pair): Promise<void> {
    for await (const chunk of from as AsyncIterable<Buffer>) {
      if (from === pair.upstream && toxics.lostAnswers > 0 && chance() < toxics.lostAnswers) {
        lost += 1;
        resetPair(pair);
        return;
      }
      const delay =
        toxics.latencyMs + chance() * toxics.jitterMs + (chunk.length / toxics.bandwidth) * SECOND_MS;
      if (delay > 0) await wait(delay);
      while (toxics.blackhole && pairs.has(pair)) await wait(POLL_MS);
      if (into.destroyed || !pairs.has(pair)) return;
      if (!into.write(chunk)) await Promise.race([once(into, 'drain'), once(into, 'close')]);
    }
    into.end();
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
    const upstream = connect({ ...to, allowHalfOpen: true });
    upstream.on('error', () => client.resetAndDestroy());
    client.setNoDelay();
    upstream.setNoDelay();
    const pair = { client, upstream };
    pairs.add(pair);
    for (const [socket, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      socket.once('close', () => {
        pairs.delete(pair);
        if (!other.destroyed) other.end();
      });
      pump(socket, other, pair).catch(() => other.destroy());
    }
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
    connections: () => pairs.size,
    lost: () => lost,
    async close() {
      each(resetPair);
      server.close();
      await once(server, 'close');
    },
  };
}
