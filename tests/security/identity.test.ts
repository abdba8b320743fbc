import { createHmac, generateKeyPairSync, randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { eventually, useServer } from '../api/world.ts';
import { foundation, testKeys } from '../testkit/foundation.ts';
import { ask, request } from '../testkit/graphql-client.ts';
import { createRoom, createVisitor, MESSAGE_ADDED, readLog, sendMessage } from '../testkit/seed.ts';
import { spawnServer, startServerChild } from '../testkit/server-child.ts';
import { openSocket } from '../testkit/bare-socket.ts';
import { openEvents } from './support/event-stream.ts';
import { report } from './support/table.ts';

const KID = 'first';
const KEY = randomBytes(32);
const RETIRED = randomBytes(32);
const CREATE_VISITOR = 'mutation { createVisitor { token expiresAt } }';

type Fields = Record<string, unknown>;
const encode = (value: unknown): string =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');
const now = () => Math.floor(Date.now() / 1000);
const claims = (more: Fields = {}): Fields => ({
  iss: 'madang',
  aud: 'madang',
  sub: '01890000-0000-7000-8000-000000000001',
  iat: now(),
  exp: now() + 3600,
  ...more,
});
const HEADER: Fields = { alg: 'HS256', kid: KID };

/** A token of this header and these claims, signed under `key`. */
function signed(header: unknown, payload: unknown, key: Buffer = KEY, hash = 'sha256'): string {
  const input = `${encode(header)}.${encode(payload)}`;
  return `${input}.${createHmac(hash, key).update(input).digest('base64url')}`;
}
const without = (name: string): Fields => {
  const { [name]: _dropped, ...rest } = claims();
  return rest;
};

/** Every forgery, made from the tokens of two visitors. */
function forgeries(mine: string, other: string): readonly (readonly [string, string])[] {
  const [header = '', payload = '', signature = ''] = mine.split('.');
  const [, otherPayload = '', otherSignature = ''] = other.split('.');
  const { publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const pem = Buffer.from(publicKey.export({ type: 'spki', format: 'pem' }));
  const own = randomBytes(32);
  return [
    ['alg none', `${encode({ alg: 'none', kid: KID })}.${encode(claims())}.`],
    ['alg None', `${encode({ alg: 'None', kid: KID })}.${encode(claims())}.`],
    [
      'alg none with the signature of a good one',
      `${encode({ alg: 'none', kid: KID })}.${payload}.${signature}`,
    ],
    ['no alg', signed({ kid: KID }, claims())],
    ['an alg that is a number', signed({ alg: 256, kid: KID }, claims())],
    ['HS384 under the right key', signed({ ...HEADER, alg: 'HS384' }, claims(), KEY, 'sha384')],
    ['HS512 under the right key', signed({ ...HEADER, alg: 'HS512' }, claims(), KEY, 'sha512')],
    ['RS256 with an HMAC', signed({ ...HEADER, alg: 'RS256' }, claims())],
    ['an HMAC under a public key', signed({ ...HEADER, alg: 'HS256', typ: 'JWT' }, claims(), pem)],
    ['another key', signed(HEADER, claims(), own)],
    ['a key of zeros', signed(HEADER, claims(), Buffer.alloc(32))],
    ['an empty key', signed(HEADER, claims(), Buffer.alloc(0))],
    ['the kid as key', signed(HEADER, claims(), Buffer.from(KID))],
    ['a key that was rotated out', signed({ ...HEADER, kid: 'retired' }, claims(), RETIRED)],
    ['a key that was rotated out, under the present kid', signed(HEADER, claims(), RETIRED)],
    ['no kid', signed({ alg: 'HS256' }, claims())],
    ['an unknown kid', signed({ ...HEADER, kid: 'unknown' }, claims())],
    ['a kid that is a path', signed({ ...HEADER, kid: '../../dev/null' }, claims(), Buffer.alloc(0))],
    ['a kid that is a query', signed({ ...HEADER, kid: "' OR 1=1 --" }, claims())],
    ['a kid that is a list', signed({ ...HEADER, kid: [KID] }, claims())],
    ['the kid __proto__', signed({ ...HEADER, kid: '__proto__' }, claims(), Buffer.alloc(0))],
    ['a kid in capitals', signed({ ...HEADER, kid: KID.toUpperCase() }, claims())],
    [
      'a key in its header',
      signed({ ...HEADER, jwk: { kty: 'oct', k: own.toString('base64url') } }, claims(), own),
    ],
    [
      'the address of a key in its header',
      signed({ ...HEADER, jku: 'https://evil.example/keys' }, claims(), own),
    ],
    ['a critical header that nobody knows', signed({ ...HEADER, crit: ['x'], x: 1 }, claims())],
    ['an unencoded payload', signed({ ...HEADER, crit: ['b64'], b64: false }, claims())],
    ['an end in the past', signed(HEADER, claims({ exp: now() - 1 }))],
    ['an end that is a text', signed(HEADER, claims({ exp: String(now() + 3600) }))],
    [
      'an end that is infinite',
      signed(HEADER, `{"iss":"madang","aud":"madang","sub":"x","iat":1,"exp":1e999}`),
    ],
    ['a beginning in the future', signed(HEADER, claims({ nbf: now() + 3600 }))],
    ['another issuer', signed(HEADER, claims({ iss: 'other' }))],
    ['another audience', signed(HEADER, claims({ aud: 'other' }))],
    ['a list of other audiences', signed(HEADER, claims({ aud: ['a', 'b'] }))],
    ['an empty subject', signed(HEADER, claims({ sub: '' }))],
    ['a subject that is a number', signed(HEADER, claims({ sub: 7 }))],
    ['a subject that is an object', signed(HEADER, claims({ sub: { $gt: '' } }))],
    ...['iss', 'aud', 'sub', 'iat', 'exp'].map(
      (name) => [`no ${name}`, signed(HEADER, without(name))] as const,
    ),
    ['claims that are a list', signed(HEADER, [])],
    ['claims that are no JSON', signed(HEADER, 'x')],
    ['the claims of another visitor', `${header}.${otherPayload}.${signature}`],
    ['the signature of another visitor', `${header}.${payload}.${otherSignature}`],
    ['claims that were edited', `${header}.${encode(claims({ sub: 'someone-else' }))}.${signature}`],
    ['claims said twice under a wrong key', signed(HEADER, '{"sub":"a","sub":"b","iss":"madang"}', own)],
    ['no signature', `${header}.${payload}.`],
    ['no signature and no dot', `${header}.${payload}`],
    ['half a signature', `${header}.${payload}.${signature.slice(0, 20)}`],
    ['the signature twice', `${mine}.${signature}`],
    ['five parts, as of encryption', `${header}.${payload}.${signature}.x.y`],
    ['10 kB of claims', signed(HEADER, claims({ pad: 'x'.repeat(10_000) }))],
    ['10 kB of nothing', 'x'.repeat(10_000)],
    ['dots', '..'],
    ['null', 'null'],
    ['a JSON text', '{"sub":"x"}'],
  ];
}

let forged = 0;
report('S9', () => ({
  tried: forged,
  of: 'forged tokens x POST, GET, events, socket',
  result: '0 accepted; expiry closes 4403; rotation logs nobody out',
}));

describe('S9 tokens', () => {
  const server = useServer('embedded', { AUTH_KEYS: `${KID}:${KEY.toString('base64url')}` });

  it('VISITOR-1: that are forged are refused over HTTP, as event streams and over sockets, and never replaced', async () => {
    const { url } = server;
    const [mine, other] = [await createVisitor(url), await createVisitor(url)];
    // What the forgeries differ from is accepted.
    expect((await request(url, '{ viewer { id } }', {}, { token: signed(HEADER, claims()) })).status).toBe(
      200,
    );
    const accepted: string[] = [];
    const all = forgeries(mine.token, other.token);
    for (const [name, token] of all) {
      const headers = { authorization: `Bearer ${token}` };
      const post = (accept: string) =>
        fetch(`${url}/graphql`, {
          method: 'POST',
          headers: { ...headers, accept, 'content-type': 'application/json' },
          body: '{"query":"{ viewer { id } }"}',
        });
      const answers = [
        await post('application/json'),
        await post('text/event-stream'),
        await fetch(`${url}/graphql?query={viewer{id}}`, { headers }),
      ];
      for (const [index, answer] of answers.entries()) {
        const body = await answer.text();
        const refused =
          answer.status === 401 && body.includes('"UNAUTHENTICATED"') && !body.includes('"viewer"');
        if (!refused) accepted.push(`${name} (${index}): ${answer.status} ${body}`);
      }
      const socket = openSocket(`${url}/graphql`);
      await socket.opened;
      socket.send({ type: 'connection_init', payload: { token } });
      const { code } = await socket.closed();
      if (code !== 4403 || socket.frames.length > 0) accepted.push(`${name} (socket): ${code}`);
    }
    expect(accepted).toEqual([]);
    forged = all.length;
  });

  it('VISITOR-1: are of one visitor for each subject, whatever that is, which may be asked for by its id', async () => {
    const { url } = server;
    const ids = new Set<string>();
    for (const sub of ['Jane Doe', 'Jane', 'Jane:Doe', ' ', 'Jane\nDoe']) {
      const visitors = [signed(HEADER, claims({ sub })), signed(HEADER, claims({ sub, jti: 'another' }))];
      const [id, ...others] = await Promise.all(
        visitors.map(async (token) => {
          const { viewer } = await ask<{ viewer: { id: string } }>(url, '{ viewer { id } }', {}, { token });
          await createRoom(url, { id: viewer.id, token });
          return viewer.id;
        }),
      );
      expect(others).toEqual([id]);
      ids.add(id!);
      expect(await ask(url, 'query ($id: ID!) { node(id: $id) { id } }', { id })).toEqual({ node: { id } });
    }
    expect(ids.size).toBe(5);
  });

  it('of two visitors in one connection_init are refused, and one in two spellings is not', async () => {
    const { url } = server;
    const [mine, other] = [await createVisitor(url), await createVisitor(url)];
    const init = async (payload: object) => {
      const socket = openSocket(`${url}/graphql`);
      await socket.opened;
      socket.send({ type: 'connection_init', payload });
      return Promise.race([socket.closed(), socket.frame('connection_ack')]);
    };
    expect(await init({ token: mine.token, Authorization: `Bearer ${other.token}` })).toMatchObject({
      code: 4403,
    });
    expect(await init({ TOKEN: mine.token, authorization: `bearer ${mine.token}` })).toMatchObject({
      payload: { visitor: { id: mine.id } },
    });
  });
});

describe('S9 the end of a token', () => {
  const server = useServer('embedded', { TOKEN_LIFETIME_SECONDS: '8' });

  it('closes its live socket with 4403, and createVisitor over the socket moves it', async () => {
    const [idle, renewing] = [openSocket(`${server.url}/graphql`), openSocket(`${server.url}/graphql`)];
    const { expiresAt } = await idle.init();
    const { visitor } = (await renewing.init()) as unknown as { visitor: { id: string } };
    // From half-life on, so that the two ends are seconds apart.
    await eventually(
      () => Date.now(),
      (at) => at >= Date.parse(expiresAt as unknown as string) - 4000,
    );
    renewing.subscribe('renew', CREATE_VISITOR);
    await renewing.frame('complete', 'renew');
    expect((await idle.closed()).code).toBe(4403);
    expect(Date.now()).toBeGreaterThanOrEqual(Date.parse(expiresAt as unknown as string));
    renewing.subscribe('me', '{ viewer { id } }');
    expect((await renewing.frame('next', 'me')).payload).toEqual({ data: { viewer: { id: visitor.id } } });
    expect((await renewing.closed()).code).toBe(4403);
  });

  it('cuts its event streams without completing them, and those who come back with it are refused', async () => {
    const { url } = server;
    const other = await createVisitor(url);
    const roomId = await createRoom(url, other);
    const { data } = await request<{ createVisitor: { token: string; expiresAt: string } }>(
      url,
      CREATE_VISITOR,
    );
    const { token = '', expiresAt = '' } = data?.createVisitor ?? {};
    const [mine, nobodys] = [
      await openEvents(url, MESSAGE_ADDED, { roomId }, { token }),
      await openEvents(url, MESSAGE_ADDED, { roomId }),
    ];
    onTestFinished(() => nobodys.abort());
    expect([mine.status, nobodys.status]).toEqual([200, 200]);
    expect(await mine.ended).toBe('cut');
    expect(Date.now()).toBeGreaterThanOrEqual(Date.parse(expiresAt));
    expect(mine.text()).not.toContain('complete');
    expect((await openEvents(url, MESSAGE_ADDED, { roomId }, { token })).status).toBe(401);
    // Reading needs no token, so a stream without one goes on.
    const sender = await createVisitor(url);
    await sendMessage(url, sender, { roomId, text: 'still here' });
    await eventually(
      () => nobodys.text(),
      (text) => text.includes('still here'),
    );
  });
});

describe('S9 rotation of the keys', () => {
  it('by SIGHUP logs nobody out, signs with the new key, and a retired key ends its tokens', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'madang-keys-'));
    onTestFinished(() => rm(folder, { recursive: true, force: true }));
    const file = join(folder, 'keys');
    const [old, fresh] = [randomBytes(32), randomBytes(32)];
    const entry = (kid: string, key: Buffer) => `${kid}:${key.toString('base64url')}\n`;
    await writeFile(file, entry('old', old));
    const ground = await foundation('embedded');
    onTestFinished(() => ground.dispose());
    const server = await startServerChild({ env: { ...ground.env, AUTH_KEYS_FILE: file } });
    onTestFinished(() => void server.stop('SIGINT'));
    const url = server.url();
    const before = await createVisitor(url);
    const socket = openSocket(`${url}/graphql`);
    await socket.init({ token: before.token });
    const roomId = await createRoom(url, before);
    const stream = await openEvents(url, MESSAGE_ADDED, { roomId }, { token: before.token });

    async function reload(content: string, line: string) {
      const told = server.output().split(line).length;
      await writeFile(file, content);
      process.kill(server.pid(), 'SIGHUP');
      await eventually(
        () => server.output().split(line).length,
        (times) => times > told,
      );
    }
    const READ_AGAIN = 'the signing keys were read again';
    const kidOf = (token: string) =>
      (JSON.parse(Buffer.from(token.split('.')[0] ?? '', 'base64url').toString()) as { kid: string }).kid;
    const status = async (token: string) => (await request(url, '{ viewer { id } }', {}, { token })).status;

    let busy = true;
    let asked = 0;
    const refused: number[] = [];
    const load = (async () => {
      while (busy) {
        const answered = await status(before.token);
        asked += 1;
        if (answered !== 200) refused.push(answered);
      }
    })();
    await reload(entry('fresh', fresh) + entry('old', old), READ_AGAIN);
    const after = await createVisitor(url);
    expect([kidOf(before.token), kidOf(after.token)]).toEqual(['old', 'fresh']);
    await reload(`broken:${old.toString('base64url').slice(0, 8)}`, 'the old signing keys stay in force');
    expect(server.output()).not.toContain(old.toString('base64url').slice(0, 8));
    expect([await status(before.token), await status(after.token)]).toEqual([200, 200]);
    busy = false;
    await load;
    expect({ refused, some: asked > 0 }).toEqual({ refused: [], some: true });
    socket.subscribe('me', '{ viewer { id } }');
    expect((await socket.frame('next', 'me')).payload).toEqual({ data: { viewer: { id: before.id } } });

    const staying = await openEvents(url, MESSAGE_ADDED, { roomId }, { token: after.token });
    onTestFinished(() => staying.abort());
    await reload(entry('fresh', fresh), READ_AGAIN);
    expect([await status(before.token), await status(after.token)]).toEqual([401, 200]);
    // What was opened under it ends as well; what another key signed goes on.
    expect((await socket.closed()).code).toBe(4403);
    expect(await stream.ended).toBe('cut');
    expect(stream.text()).not.toContain('complete');
    await sendMessage(url, after, { roomId, text: 'still here' });
    await eventually(
      () => staying.text(),
      (text) => text.includes('still here'),
    );
  });
});

/** A loader that says when the server is about to be loaded, and takes its time. */
const SLOW_LOADER = `
  import { writeSync } from 'node:fs';
  import { setTimeout } from 'node:timers/promises';
  export async function load(url, context, next) {
    if (url.endsWith('/app.js')) {
      writeSync(1, 'loading the server');
      await setTimeout(2000);
    }
    return next(url, context);
  }`;
const asModule = (code: string): string => `data:text/javascript,${encodeURIComponent(code)}`;

describe('SIGHUP while a server is loaded', () => {
  it('does not end it', async () => {
    const ground = await foundation('embedded');
    onTestFinished(() => ground.dispose());
    const preload = `import { register } from 'node:module'; register(${JSON.stringify(asModule(SLOW_LOADER))});`;
    const env = { ...ground.env, NODE_OPTIONS: `--import=${asModule(preload)}` };
    const server = await spawnServer({ env });
    onTestFinished(() => void server.stop('SIGINT'));
    await eventually(server.output, (text) => text.includes('loading the server'));
    process.kill(server.pid(), 'SIGHUP');
    await expect(server.ready()).resolves.toBeUndefined();
  });
});

describe('SIGHUP where there is no file of keys', () => {
  it.each([{}, { AUTH_KEYS: testKeys() }])('says that the keys stay as they are, %#', async (keys) => {
    const ground = await foundation('embedded');
    onTestFinished(() => ground.dispose());
    const server = await startServerChild({ env: { ...ground.env, ...keys } });
    onTestFinished(() => void server.stop('SIGINT'));
    process.kill(server.pid(), 'SIGHUP');
    await eventually(server.output, (text) => text.includes('the signing keys stay as they are'));
    expect(server.output()).not.toContain('were read again');
  });
});

let spoofs = 0;
report('S10', () => ({ tried: spoofs, of: 'attempts to be someone else', result: '0 accepted' }));

describe('S10 nobody acts as someone else', () => {
  const server = useServer('embedded');

  it.each([
    'author',
    'authorId',
    'visitorId',
    'sender',
    'createdAt',
    'number',
    'id',
    'displayName',
    '__proto__',
  ])('by an extra input field %s', async (field) => {
    const { url } = server;
    const [mine, other] = [await createVisitor(url), await createVisitor(url)];
    const roomId = await createRoom(url, mine);
    const input = JSON.parse(`{"roomId":"${roomId}","text":"hi","${field}":"${other.id}"}`) as Fields;
    const query = 'mutation ($i: SendMessageInput!) { sendMessage(input: $i) { message { author { id } } } }';
    const answer = await request<{ sendMessage: { message: unknown } }>(
      url,
      query,
      { i: input },
      { token: mine.token },
    );
    expect([answer.status, answer.errors[0]?.extensions?.code]).toEqual([400, 'BAD_USER_INPUT']);
    const literal = `mutation { sendMessage(input: { roomId: "${roomId}", text: "hi", ${field}: "${other.id}" }) { duplicate } }`;
    const second = await request(url, literal, {}, { token: mine.token });
    expect(second.errors[0]?.extensions?.code).toBe('GRAPHQL_VALIDATION_FAILED');
    expect(await readLog(url, roomId)).toEqual([]);
    spoofs += 2;
  });

  it("by another visitor's idempotency key: it is a message of one's own", async () => {
    const { url } = server;
    const [mine, other] = [await createVisitor(url), await createVisitor(url)];
    const roomId = await createRoom(url, other);
    const input = { roomId, idempotencyKey: 'k', text: 'theirs' };
    const theirs = await sendMessage(url, other, input);
    const ours = await sendMessage(url, mine, { ...input, text: 'ours' });
    expect([theirs.duplicate, ours.duplicate, ours.message?.text]).toEqual([false, false, 'ours']);
    expect((await readLog(url, roomId)).map(({ text }) => text)).toEqual(['theirs', 'ours']);
    spoofs += 1;
  });

  it("by the cursor of another room, or another visitor's name of a room", async () => {
    const { url } = server;
    const visitor = await createVisitor(url);
    const [one, two] = [await createRoom(url, visitor), await createRoom(url, visitor)];
    const { cursor } = await sendMessage(url, visitor, { roomId: one, text: 'x' });
    const query =
      'query ($r: ID!, $c: String) { room(id: $r) { messages(first: 1, after: $c) { totalCount } } }';
    const paged = await request(url, query, { r: two, c: cursor });
    expect(paged.errors[0]?.extensions?.code).toBe('BAD_CURSOR');
    const socket = openSocket(`${url}/graphql`);
    await socket.init();
    socket.subscribe(
      's',
      'subscription ($r: ID!, $c: String) { messageAdded(roomId: $r, after: $c) { cursor } }',
      { r: two, c: cursor },
    );
    expect((await socket.frame('error', 's')).payload).toMatchObject([
      { extensions: { code: 'BAD_CURSOR' } },
    ]);
    spoofs += 2;
  });

  it('by a token in a place that is not looked at', async () => {
    const { url } = server;
    const { token } = await createVisitor(url);
    for (const headers of [
      { cookie: `token=${token}` },
      { 'x-token': token },
      { 'proxy-authorization': `Bearer ${token}` },
    ]) {
      expect((await ask<{ viewer: unknown }>(url, '{ viewer { id } }', {}, { headers })).viewer).toBeNull();
      spoofs += 1;
    }
    const inQuery = await fetch(`${url}/graphql?query={viewer{id}}&token=${token}`);
    expect(inQuery.status).toBe(200);
    expect(await inQuery.json()).toEqual({ data: { viewer: null } });
    spoofs += 1;
  });
});

describe.each([
  ['without a trusted proxy', '0', (index: number) => `198.51.100.${index}`],
  ['with one trusted proxy', '1', (index: number) => `198.51.100.${index}, 203.0.113.9`],
  ['with two trusted proxies', '2', (index: number) => `198.51.100.${index}, 203.0.113.9, 10.0.0.1`],
] as const)('S10 a forged X-Forwarded-For %s', (_name, hops, header) => {
  const server = useServer('embedded', { RATE_LIMITS: 'on', TRUST_PROXY_HOPS: hops });

  it('makes nobody another caller', async () => {
    let allowed = 0;
    for (let index = 0; index < 40; index += 1) {
      const answer = await ask<{ createVisitor: { token: string | null } }>(
        server.url,
        CREATE_VISITOR,
        {},
        {
          headers: {
            'x-forwarded-for': header(index),
            'x-real-ip': `198.51.100.${index}`,
            forwarded: `for=198.51.100.${index}`,
          },
        },
      );
      if (answer.createVisitor.token !== null) allowed += 1;
    }
    // 10 a minute and 20 more once.
    expect(allowed).toBe(30);
    spoofs += 40;
  });
});
