import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer as createHttpsServer } from 'node:https';
import { type AddressInfo, connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as connectTls, createServer } from 'node:tls';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createApp } from '../../src/app.ts';
import { loadConfig } from '../../src/config.ts';
import { silentLogger } from '../../src/lib/logger.ts';
import { eventually } from '../api/world.ts';
import { foundation } from '../testkit/foundation.ts';
import {
  createRoom,
  createVisitor,
  MESSAGE_ADDED,
  type MessageAdded,
  readPage,
  sendMessage,
} from '../testkit/seed.ts';
import { spawnServer, startServerChild } from '../testkit/server-child.ts';
import { builtEntryPoint } from '../testkit/services/index.ts';
import { openSocket } from '../testkit/socket-client.ts';

/** A certificate for 127.0.0.1 that only those trust who are given it. */
function makeCertificate() {
  const folder = mkdtempSync(join(tmpdir(), 'madang-tls-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const [key, certificate] = [join(folder, 'key.pem'), join(folder, 'certificate.pem')];
  execFileSync(
    'openssl',
    [
      ...[
        'req',
        '-x509',
        '-newkey',
        'ec',
        '-pkeyopt',
        'ec_paramgen_curve:prime256v1',
        '-nodes',
        '-days',
        '1',
      ],
      ...[
        '-subj',
        '/CN=127.0.0.1',
        '-addext',
        'subjectAltName=IP:127.0.0.1',
        '-keyout',
        key,
        '-out',
        certificate,
      ],
    ],
    { stdio: 'ignore' },
  );
  return { key: readFileSync(key), cert: readFileSync(certificate), file: certificate };
}

/** What the program printed, and how it ended. */
async function madang(args: readonly string[], env: Readonly<Record<string, string>>) {
  const child = spawn(process.execPath, [await builtEntryPoint(), ...args], {
    env: { PATH: process.env['PATH'], HOME: process.env['HOME'], ...env },
  });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => (said += chunk.toString()));
  }
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  return { code, said };
}

/** Ends TLS in front of a server that knows none; the number of its port, and how many came through. */
async function encrypt(target: string, { key, cert }: { key: Buffer; cert: Buffer }) {
  const [, host = '', port = ''] = /([\d.]+):(\d+)/.exec(target) ?? [];
  let connections = 0;
  const server = createServer({ key, cert }, (socket) => {
    connections += 1;
    const inner = connect(Number(port), host);
    socket.pipe(inner).pipe(socket);
    for (const [one, other] of [
      [socket, inner],
      [inner, socket],
    ] as const) {
      one.on('error', () => other.destroy());
      one.on('close', () => other.destroy());
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  return { port: (server.address() as AddressInfo).port, connections: () => connections };
}

describe('MongoDB and Redis behind TLS', () => {
  it('carry a conversation when their certificate is trusted, and none when it is not', async () => {
    const ground = await foundation('distributed');
    onTestFinished(() => ground.dispose());
    const certificate = makeCertificate();
    const mongoUrl = ground.env['MONGODB_URL'] ?? '';
    const redisUrl = ground.env['REDIS_URL'] ?? '';
    const [mongo, redis] = await Promise.all([
      encrypt(mongoUrl, certificate),
      encrypt(redisUrl, certificate),
    ]);
    const database = new URL(mongoUrl).pathname;
    const env = {
      ...ground.env,
      MONGODB_URL: `mongodb://127.0.0.1:${mongo.port}${database}?tls=true&directConnection=true`,
      REDIS_URL: `rediss://127.0.0.1:${redis.port}`,
    };
    const trusting = { ...env, NODE_EXTRA_CA_CERTS: certificate.file };
    const servers = await Promise.all([
      startServerChild({ env: trusting }),
      startServerChild({ env: trusting }),
    ]);
    onTestFinished(async () => {
      await Promise.all(servers.map((server) => server.stop('SIGINT')));
    });
    const [one = '', two = ''] = servers.map((server) => server.url());
    const visitor = await createVisitor(one);
    const roomId = await createRoom(one, visitor);
    const socket = await openSocket(two);
    const { resumeCursor: after } = await readPage(two, roomId, { last: 1 });
    const messages = socket.subscribe<MessageAdded>(MESSAGE_ADDED, { roomId, after });
    await sendMessage(one, visitor, { roomId, text: 'hello' });
    await eventually(
      () => messages.data.length,
      (count) => count === 1,
    );
    expect(await (await fetch(`${one}/readyz`)).json()).toMatchObject({ status: 'ready', redis: 'ok' });
    expect(Math.min(mongo.connections(), redis.connections())).toBeGreaterThan(2);
    socket.close();
    // The commands of the program speak TLS too.
    expect(await madang(['check'], trusting)).toMatchObject({
      code: 0,
      said: expect.stringContaining('the configuration is valid'),
    });
    expect(await madang(['verify', roomId], trusting)).toMatchObject({
      code: 0,
      said: expect.stringContaining('messages 1 to 1: dense'),
    });
    const distrusted = await madang(['verify', roomId], env);
    expect(distrusted).toMatchObject({ code: 1, said: expect.stringContaining('certificate') });
    expect(distrusted.said).not.toMatch(/\n\s+at /);

    const stranger = await spawnServer({ env });
    await eventually(
      () => ({ output: stranger.output(), runs: stranger.isRunning() }),
      ({ output, runs }) => !runs || output.includes('waiting for MongoDB'),
    );
    expect(stranger.output()).toMatch(/certificate/);
    expect(stranger.output()).not.toContain('Madang is ready');
    if (stranger.isRunning()) await stranger.stop('SIGINT');
  });
});

describe('a chat within a server that speaks TLS itself', () => {
  it('answers a request that offers another protocol, as Java and curl send it, as one without', async () => {
    const ground = await foundation('embedded');
    onTestFinished(() => ground.dispose());
    const { key, cert } = makeCertificate();
    const server = createHttpsServer({ key, cert });
    const app = createApp(loadConfig(ground.env), { log: silentLogger, server });
    onTestFinished(() => app.stop({ hurry: true }));
    await app.start();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void server.close());
    const { port } = server.address() as AddressInfo;
    const client = connectTls({ port, host: '127.0.0.1', ca: cert }, () =>
      client.write(
        'GET /livez HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings, close\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n',
      ),
    );
    let answer = '';
    client.setEncoding('utf8').on('data', (chunk: string) => (answer += chunk));
    await once(client, 'close');
    expect(answer).toMatch(/^HTTP\/1\.1 200 .*"status":"live"/s);
  });
});
