import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { useServer } from '../api/world.js';
import { createRoom, createVisitor } from '../testkit/seed.js';
import { builtEntryPoint } from '../testkit/services/index.js';
import { cached } from '../testkit/services/cache.js';

const run = promisify(execFile);
const QUIET = ['--ignore-scripts', '--no-audit', '--no-fund', '--prefer-offline', '--loglevel=error'];
const CHECKERS = ['publint@0.3.25', '@arethetypeswrong/cli@0.18.5'];
/** What no browser has any use for. */
const OF_SERVERS = ['graphql-yoga', 'mongodb', 'ioredis', '@photostructure/sqlite', 'pino', 'ws'];

describe('the packages', () => {
  const chat = useServer('embedded');
  let folder = '';
  let checkers = '';
  const tarballs = new Map<string, string>();
  const contents = new Map<string, readonly string[]>();

  beforeAll(async () => {
    await builtEntryPoint();
    // Of a source that there was once.
    await mkdir('client/kit/dist', { recursive: true });
    await writeFile('client/kit/dist/former.js', 'export {};\n');
    await run('npm', ['run', '--silent', 'build:kit']);
    folder = await mkdtemp(join(tmpdir(), 'madang-packages-'));
    for (const from of ['.', 'client/kit']) {
      const pack = ['pack', '--json', '--ignore-scripts', '--pack-destination', folder];
      const { stdout } = await run('npm', pack, { cwd: from });
      const [packed] = JSON.parse(stdout) as [{ name: string; filename: string; files: { path: string }[] }];
      tarballs.set(packed.name, join(folder, packed.filename));
      contents.set(
        packed.name,
        packed.files.map(({ path }) => path),
      );
    }
    checkers = await cached(`checkers-${CHECKERS.join('-').replaceAll(/[^\w.-]/g, '-')}`, async (at) => {
      await writeFile(join(at, 'package.json'), '{}');
      await run('npm', ['install', ...QUIET, ...CHECKERS], { cwd: at });
    });
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  describe.each(['madang', 'madang-client'])('%s', (name) => {
    const tarball = (): string => tarballs.get(name) ?? '';

    it('carries its licence', async () => {
      expect(contents.get(name)).toContain('LICENSE');
      const from = name === 'madang' ? '.' : 'client/kit';
      expect(await readFile(join(from, 'LICENSE'), 'utf8')).toBe(await readFile('LICENSE', 'utf8'));
    });

    it('has a manifest that publint finds nothing in', async () => {
      const { stdout } = await run(join(checkers, 'node_modules/.bin/publint'), [
        'run',
        '--strict',
        tarball(),
      ]);
      expect(stdout).toContain('All good!');
    });

    it('has types that are right wherever a module can import it', async () => {
      const args = [tarball(), '--profile', 'esm-only', '--format', 'json'];
      const exclude = ['--exclude-entrypoints', 'schema.graphql', 'package.json'];
      await expect(
        run(join(checkers, 'node_modules/.bin/attw'), [...args, ...exclude]),
      ).resolves.toBeDefined();
    });
  });

  it('madang-client holds what its sources make, and nothing of a former build', () => {
    const code = (contents.get('madang-client') ?? []).filter((path) => path.endsWith('.js'));
    expect(code.length).toBeGreaterThan(10);
    const sources = code.map((path) => path.replace(/^dist/, 'client/kit').replace(/\.js$/, '.ts'));
    expect(sources.filter((path) => !existsSync(path))).toEqual([]);
  });

  it('madang-client talks by itself, without any part of a server', async () => {
    const empty = join(folder, 'empty');
    await run('mkdir', [empty]);
    await writeFile(join(empty, 'package.json'), '{"type":"module"}');
    await run('npm', ['install', ...QUIET, tarballs.get('madang-client') ?? ''], { cwd: empty });
    const installed = new Set(await readdir(join(empty, 'node_modules')));
    expect(OF_SERVERS.filter((name) => installed.has(name))).toEqual([]);
    // A WebSocket class, which Node has itself from 22 on.
    await cp(resolve('node_modules/ws'), join(empty, 'node_modules/ws'), { recursive: true });
    await cp('tests/packaging/hosts/kit.js', join(empty, 'kit.js'));
    const roomId = await createRoom(chat.url, await createVisitor(chat.url));
    const url = `${chat.url.replace(/^http/, 'ws')}/graphql`;
    const { stdout } = await run(process.execPath, ['kit.js', url, roomId], { cwd: empty, timeout: 60_000 });
    expect(stdout).toBe('hello again\n');
  });
});
