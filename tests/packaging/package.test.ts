import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readFile, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createRoom, createVisitor, readLog, sendMessage } from '../testkit/seed.js';
import { startServerChild, type ServerChild } from '../testkit/server-child.js';
import { builtEntryPoint } from '../testkit/services/index.js';

const run = promisify(execFile);
const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function emptyFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'madang-package-'));
  closers.push(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** The quiet ways of npm: no audit, no advice, no scripts. */
const npm = (cwd: string, ...args: readonly string[]): Promise<{ stdout: string }> =>
  run('npm', [...args, '--ignore-scripts', '--no-audit', '--no-fund', '--prefer-offline'], { cwd });

async function started(cwd: string, entryPoint: string): Promise<ServerChild> {
  const server = await startServerChild({ cwd, entryPoint, env: { DATA_DIR: join(cwd, 'data') } });
  closers.push(() => server.kill());
  return server;
}

async function chats(url: string): Promise<void> {
  const visitor = await createVisitor(url);
  const roomId = await createRoom(url, visitor);
  await sendMessage(url, visitor, { roomId, text: 'hello' });
  expect((await readLog(url, roomId)).map(({ text }) => text)).toEqual(['hello']);
  const client = await fetch(`${url}/client/`);
  expect(client.headers.get('content-type')).toMatch(/^text\/html/);
  expect(await client.text()).toContain('<script');
  expect(await (await fetch(`${url}/schema.graphql`)).text()).toContain('type Subscription');
}

beforeAll(async () => {
  await builtEntryPoint();
});

describe('the packed package', () => {
  it('runs from an empty folder, with the data there', async () => {
    const folder = await emptyFolder();
    const { stdout } = await npm(process.cwd(), 'pack', '--silent', '--pack-destination', folder);
    // Whoever is strict about engines gets it too: what a package overrides counts in its own folder alone.
    await npm(folder, 'install', '--omit=dev', '--engine-strict', join(folder, stdout.trim()));
    const program = join(folder, 'node_modules', '.bin', 'madang');
    expect((await stat(program)).mode & 0o111).not.toBe(0);
    const server = await started(folder, program);
    await chats(server.url());
    const sdl = await readFile(join(folder, 'node_modules/madang/dist/schema.graphql'), 'utf8');
    expect(await (await fetch(`${server.url()}/schema.graphql`)).text()).toBe(sdl);
    expect(await readdir(join(folder, 'data'))).not.toEqual([]);
    expect((await server.stop()).code).toBe(0);

    const { stdout: key } = await run(program, ['key'], { cwd: folder });
    expect(key).toMatch(/^[\w.-]+:[\w-]{43,}=*\n$/);
  });

  it('holds the server, the client and the schema, and no source, test or map of ours', async () => {
    const { stdout } = await npm(process.cwd(), 'pack', '--dry-run', '--json');
    const [{ files }] = JSON.parse(stdout) as [{ files: { path: string }[] }];
    const paths = files.map(({ path }) => path);
    expect(paths).toEqual(
      expect.arrayContaining([
        'dist/main.js',
        'dist/index.d.ts',
        'dist/schema.graphql',
        'dist/client/index.html',
      ]),
    );
    expect(
      paths.filter((path) =>
        /^(src|tests|client|scripts)\/|__generated__.*\.graphql$|\.test\.|\.map$/.test(path),
      ),
    ).toEqual([]);
  });
});

describe('a production install', () => {
  it('gives a working server without dev dependencies and without any install script', async () => {
    const folder = await emptyFolder();
    for (const name of ['package.json', 'package-lock.json', 'dist', 'schema']) {
      await cp(name, join(folder, name), { recursive: true });
    }
    await npm(folder, 'ci', '--omit=dev');
    await mkdir(join(folder, 'data'));
    const server = await started(folder, join(folder, 'dist', 'main.js'));
    await chats(server.url());
    const manifest = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8')) as {
      devDependencies: Record<string, string>;
    };
    const installed = new Set(await readdir(join(folder, 'node_modules')));
    expect(Object.keys(manifest.devDependencies).filter((name) => installed.has(name))).toEqual([]);
  });
});
