import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../api/world.js';
import { ask, request } from '../testkit/graphql-client.js';
import { builtEntryPoint } from '../testkit/services/index.js';
import { openSocket } from '../testkit/bare-socket.js';

describe('the chat within the server of somebody else', () => {
  let folder = '';
  let host: ReturnType<typeof spawn> | undefined;
  let output = '';
  beforeAll(async () => {
    await builtEntryPoint();
    folder = await mkdtemp(join(tmpdir(), 'madang-host-'));
    host = spawn(process.execPath, ['tests/packaging/hosts/host.js'], {
      env: { ...process.env, DATA_DIR: folder },
    });
    for (const stream of [host.stdout, host.stderr]) {
      stream?.on('data', (chunk: Buffer) => (output += chunk.toString()));
    }
    await eventually(
      () => output,
      (text) => text.includes('http://'),
    );
  });
  afterAll(async () => {
    host?.kill('SIGKILL');
    await rm(folder, { recursive: true, force: true });
  });
  const site = () => /http:\S+/.exec(output)?.[0] ?? '';
  const chat = () => `${site()}/chat`;
  const as = (user: string) => ({ headers: { 'x-user': user } });
  const VIEWER = '{ viewer { id displayName } }';
  interface Viewer {
    readonly viewer: { readonly id: string; readonly displayName: string } | null;
  }

  it('leaves the other addresses to its host', async () => {
    expect(await (await fetch(`${site()}/elsewhere`)).text()).toBe('the rest of the site');
    expect((await fetch(`${chat()}/livez`)).status).toBe(200);
  });

  it('knows each subject of its host as one visitor, over requests', async () => {
    const ann = await ask<Viewer>(chat(), VIEWER, {}, as('ann'));
    expect(ann.viewer?.displayName).toBe('The ann');
    expect(await ask<Viewer>(chat(), VIEWER, {}, as('ann'))).toEqual(ann);
    const bob = await ask<Viewer>(chat(), VIEWER, {}, as('bob'));
    expect(bob.viewer?.id).not.toBe(ann.viewer?.id);
  });

  it('acknowledges a socket with the visitor alone: no token is issued', async () => {
    const { viewer } = await ask<Viewer>(chat(), VIEWER, {}, as('ann'));
    const ack = await openSocket(`${chat()}/graphql`, as('ann')).init();
    expect(ack).toEqual({ visitor: viewer });
  });

  it.each([{}, as('ann')])('gives no token to who asks for one, %j', async (options) => {
    const asked = 'mutation { createVisitor { visitor { id } token expiresAt userErrors { code } } }';
    await expect(ask(chat(), asked, {}, options)).resolves.toEqual({
      createVisitor: { visitor: null, token: null, expiresAt: null, userErrors: [{ code: 'FORBIDDEN' }] },
    });
  });

  it('lets nobody in particular read, and neither write nor connect', async () => {
    expect(await ask<Viewer>(chat(), VIEWER)).toEqual({ viewer: null });
    const refused = await request(chat(), 'mutation { createRoom(input: { name: "x" }) { room { id } } }');
    expect(refused.errors[0]?.extensions?.code).toBe('UNAUTHENTICATED');
    const socket = openSocket(`${chat()}/graphql`);
    await socket.opened;
    socket.send({ type: 'connection_init' });
    expect((await socket.closed()).code).toBe(4403);
  });

  it('ends without its host', async () => {
    host?.kill('SIGUSR2');
    await eventually(
      () => output,
      (text) => text.includes('the chat is over'),
    );
    expect(await (await fetch(`${site()}/elsewhere`)).text()).toBe('the rest of the site');
  });
});
