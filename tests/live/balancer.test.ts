import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { openSocket, refusedUpgrade } from '../testkit/bare-socket.js';
import { startCluster, type Cluster } from '../testkit/cluster.js';
import { expectFlawless, startConversation } from '../testkit/faults/conversation.js';
import { createRoom, createVisitor, MESSAGE_ADDED, sendMessage } from '../testkit/seed.js';
import { programPath } from '../testkit/services/index.js';
import { startServer } from '../testkit/services/server-process.js';

const WAIT = { timeout: 30_000, interval: 50 };
/** Two servers start, and what is waited for then, one after the other. */
const CONVERSATION = { timeout: 240_000 };
const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

/** The balancer of docker-compose.yml, from its own file, with the addresses of our processes. */
async function balancer(servers: readonly string[]): Promise<string> {
  const nginx = await programPath('nginx');
  const deployed = await readFile('deploy/nginx.conf', 'utf8');
  const folder = await mkdtemp(join(tmpdir(), 'madang-nginx-'));
  closers.push(() => rm(folder, { recursive: true, force: true }));
  const config = join(folder, 'nginx.conf');
  const server = await startServer({
    name: 'nginx',
    folder,
    async command({ port }) {
      const text = deployed
        .replaceAll(/server-(\d):8000/g, (_, place: string) => {
          const url = servers[Number(place) - 1];
          return url === undefined ? '' : new URL(url).host;
        })
        .replace('listen 8000;', `listen 127.0.0.1:${port};`)
        .replaceAll('/tmp/', `${folder}/`);
      await writeFile(config, text);
      return { command: nginx, args: ['-p', folder, '-c', config, '-g', 'master_process off; daemon off;'] };
    },
    answers: ({ port }) =>
      fetch(`http://127.0.0.1:${port}/livez`).then(
        ({ ok }) => ok,
        () => false,
      ),
  });
  closers.push(server.close);
  return `http://127.0.0.1:${server.port}`;
}

async function behindBalancer(
  env: Readonly<Record<string, string>> = {},
): Promise<{ cluster: Cluster; url: string }> {
  const cluster = await startCluster('distributed', { instances: 2, env: { TRUST_PROXY_HOPS: '1', ...env } });
  closers.push(cluster.close);
  return { cluster, url: await balancer(cluster.instances.map(({ url }) => url())) };
}

describe('two servers behind the balancer of the compose file', () => {
  it('serve the chat over HTTP and WebSocket, with a server killed in the middle', CONVERSATION, async () => {
    const { cluster, url } = await behindBalancer();
    const conversation = await startConversation({
      targets: [() => url],
      rooms: 2,
      followers: 8,
      senders: 4,
      perSecond: 40,
    });
    await vi.waitFor(() => expect(conversation.acked()).toBeGreaterThan(40), WAIT);
    await cluster.instances[1]?.kill();
    const atKill = conversation.acked();
    await vi.waitFor(() => expect(conversation.acked()).toBeGreaterThan(atKill + 80), WAIT);
    const outcome = await conversation.finish();
    expectFlawless(outcome, conversation.history);
    // The connections were spread: some had to move, not all.
    expect(outcome.reconnects).toBeGreaterThan(0);
    expect(outcome.reconnects).toBeLessThan(conversation.followers.length * 2);
  });

  it('serve everybody else while both refuse newcomers', async () => {
    const { url } = await behindBalancer({ MAX_SOCKETS: '1' });
    const visitor = await createVisitor(url);
    const roomId = await createRoom(url, visitor);
    await openSocket(`${url}/graphql`).init();
    await openSocket(`${url}/graphql`).init();
    for (let count = 1; count <= 10; count += 1) {
      const refused = await refusedUpgrade(Number(new URL(url).port), '/graphql');
      expect([refused.status, refused.headers['retry-after']]).toEqual([503, '5']);
      await sendMessage(url, visitor, { roomId, text: `Still served ${count}` });
    }
  });

  it('serve server-sent events without holding them back, and the web client', async () => {
    const { url } = await behindBalancer();
    const visitor = await createVisitor(url);
    const roomId = await createRoom(url, visitor);
    const abort = new AbortController();
    closers.push(() => abort.abort());
    const response = await fetch(`${url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'text/event-stream' },
      body: JSON.stringify({ query: MESSAGE_ADDED, variables: { roomId } }),
      signal: abort.signal,
    });
    expect(response.headers.get('content-type')).toMatch(/^text\/event-stream/);
    let received = '';
    const reading = (async () => {
      for await (const chunk of response.body ?? []) received += Buffer.from(chunk).toString();
    })().catch(() => undefined);
    let count = 0;
    await vi.waitFor(async () => {
      count += 1;
      await sendMessage(url, visitor, { roomId, text: `over SSE ${count}` });
      expect(received).toMatch(/event: next[\s\S]*over SSE/);
    }, WAIT);
    abort.abort();
    await reading;
    const page = await fetch(`${url}/client/`);
    expect(page.headers.get('content-type')).toMatch(/^text\/html/);
  });

  it('serve the files of a page that only one of them has, being of its version', async () => {
    const ofVersion = async (file: string): Promise<string> => {
      const server = createServer(({ url }, response) => {
        response.statusCode = url === '/livez' || url === file ? 200 : 404;
        response.end();
      });
      closers.push(() => server.close().closeAllConnections());
      await once(server.listen(0, '127.0.0.1'), 'listening');
      return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    };
    const files = ['/client/assets/before.js', '/client/assets/after.js'];
    const url = await balancer(await Promise.all(files.map(ofVersion)));
    const asked = [...files, ...files, ...files, ...files, '/client/assets/none.js', '/livez'];
    const statuses: number[] = [];
    for (const path of asked) statuses.push((await fetch(url + path)).status);
    expect(statuses).toEqual([200, 200, 200, 200, 200, 200, 200, 200, 404, 200]);
  });
});
