import { randomBytes, randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { eventually, FOUNDATIONS, useServer } from '../api/world.ts';
import { createRoom, createVisitor, MESSAGE_ADDED, readPage, sendMessage } from '../testkit/seed.ts';
import { openSocket, raw } from '../testkit/bare-socket.ts';
import { report } from './support/table.ts';

/** Unlike anything that a server writes by itself. */
const canary = (): string => `canary${randomBytes(6).toString('hex')}`;
/** Reserved for documentation (RFC 5737, RFC 3849): found in a log, it came from here. */
const ADDRESS = '203.0.113.77';
const ADDRESS6 = '2001:db8:1:2:3:4:5:6';
/** Traces of code, drivers and files that no client needs. */
const INSIDE =
  /\bat .+:\d+:\d+|node_modules|\/src\/|\/dist\/|\.[jt]s:\d|Mongo|E11000|SQLITE|SELECT |ECONN|ioredis|stack/;

let planted = 0;
report('S15', () => ({
  tried: planted,
  of: 'secrets planted in every input, log level trace',
  result: 'none in any log; no stack, path or driver word in any answer',
}));

describe.each(FOUNDATIONS)('S15 logs and answers of a server that is %s, at trace', (foundation) => {
  const key = randomBytes(32).toString('base64url');
  const server = useServer(foundation, { LOG_LEVEL: 'trace', TRUST_PROXY_HOPS: '1', AUTH_KEYS: `k:${key}` });

  it('hold no token, text, key or address, whatever fails', async () => {
    const { url } = server;
    const secrets = [key, ADDRESS, '2001:db8:1:2:3'];
    const secret = (): string => {
      const made = canary();
      secrets.push(made);
      return made;
    };
    const bodies: string[] = [];
    const headers = { 'x-forwarded-for': ADDRESS };
    const visitor = await createVisitor(url, { headers });
    secrets.push(visitor.token, visitor.token.split('.')[2] ?? '');
    const roomId = await createRoom(url, visitor, secret());
    const post = async (body: string, more: Record<string, string> = {}) => {
      const response = await fetch(`${url}/graphql`, {
        method: 'POST',
        body,
        headers: {
          'content-type': 'application/json',
          authorization: `Bearer ${visitor.token}`,
          ...headers,
          ...more,
        },
      });
      bodies.push(await response.text());
    };
    const operation = (query: string, variables: object = {}) => post(JSON.stringify({ query, variables }));
    const send =
      'mutation ($i: SendMessageInput!) { sendMessage(input: $i) { duplicate userErrors { message } } }';
    await sendMessage(url, visitor, { roomId, text: secret(), idempotencyKey: secret() }, { headers });
    await operation(send, { i: { roomId, text: secret(), idempotencyKey: secret().repeat(9) } });
    await operation(send, { i: { roomId, text: secret().repeat(200), idempotencyKey: secret() } });
    await operation(send, { i: { roomId: secret(), text: secret(), [secret()]: 1 } });
    await operation(send, { i: secret() });
    await operation(
      `mutation { sendMessage(input: { roomId: "${roomId}", text: "${secret()}" }) { duplicate } }`,
    );
    await operation(
      `mutation { renameViewer(input: { displayName: "${secret()}" }) { userErrors { message } } }`,
    );
    await operation(`{ room(id: "${secret()}") { name } } `);
    await operation(`{ rooms(after: "${secret()}") { totalCount } }`);
    await operation(`{ ${secret()} }`);
    await operation(`{ unclosed(text: "${secret()}"`);
    await post(secret());
    await post(`{"query":"{ __typename }","${secret()}":1}`);
    await post('{"query":"{ viewer { id } }"}', { authorization: `Bearer ${secret()}` });
    await post('{"query":"{ viewer { id } }"}', { authorization: secret() });
    await post('{"query":"{ viewer { id } }"}', {
      cookie: secret(),
      'x-forwarded-for': `${secret()}, ${ADDRESS6}`,
    });
    await post('{"query":"{ viewer { id } }"}', { host: `[${secret()}` }).catch(() => undefined);
    bodies.push(
      await (
        await fetch(`${url}/graphql?query=${encodeURIComponent(`{ x(token: "${secret()}") }`)}`, { headers })
      ).text(),
    );
    bodies.push(await (await fetch(`${url}/${secret()}?token=${secret()}`, { headers })).text());
    bodies.push(await raw(Number(new URL(url).port), `BROKEN ${secret()}\r\n\r\n`));

    async function onSocket(init: object | string, ...frames: readonly (object | string)[]) {
      const socket = openSocket(`${url}/graphql`, { headers });
      await socket.opened;
      socket.send(typeof init === 'string' ? init : { type: 'connection_init', payload: init });
      for (const frame of frames) socket.send(frame);
      return socket;
    }
    const closing = [
      await onSocket({ token: secret() }),
      await onSocket({ Authorization: `Bearer ${secret()}`, token: secret() }),
      await onSocket(secret()),
      await onSocket({ token: visitor.token, note: secret() }, { type: secret() }),
      await onSocket({}, { type: 'ping', payload: secret() }),
    ];
    for (const socket of closing) bodies.push((await socket.closed()).reason);
    const open = await onSocket({ token: visitor.token, secret: secret() });
    await open.frame('connection_ack');
    const { resumeCursor: after } = await readPage(url, roomId, { last: 1 });
    open.subscribe('m', MESSAGE_ADDED, { roomId, after });
    open.subscribe('bad', `{ nope(text: "${secret()}") }`);
    open.subscribe(
      'cursor',
      'subscription ($r: ID!, $c: String) { messageAdded(roomId: $r, after: $c) { cursor } }',
      { r: roomId, c: secret() },
    );
    bodies.push(
      JSON.stringify(await open.frame('error', 'bad')),
      JSON.stringify(await open.frame('error', 'cursor')),
    );
    await sendMessage(url, visitor, { roomId, text: secret(), idempotencyKey: randomUUID() }, { headers });
    await open.frame('next', 'm');
    open.ws.close(1000, secret());
    await open.closed();

    // The socket that ended last has its line.
    await eventually(
      () => server.output.match(/A socket ended/g)?.length ?? 0,
      (lines) => lines >= closing.length + 1,
    );
    expect(secrets.filter((each) => server.output.includes(each))).toEqual([]);
    expect(server.output).toContain('203.0.113.0/24');
    for (const line of ['A token was refused', 'A mutation ended']) expect(server.output).toContain(line);
    expect(bodies.filter((body) => INSIDE.test(body))).toEqual([]);
    expect(server.output).not.toMatch(/"level":"error"/);
    planted += secrets.length;
  });
});
