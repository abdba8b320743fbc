import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, relative, resolve } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it, onTestFinished } from 'vitest';

const run = promisify(execFile);

const DOMAINS = ['messages', 'rooms', 'visitors', 'presence', 'ranking', 'settings', 'limits', 'pubsub'];
const ADAPTER = /\.(sqlite|mongo|redis|memory)\.ts$/;
const RESOLVERS = /-resolvers\.ts$/;
const isDomain = (file: string): boolean => DOMAINS.includes(file.split('/')[0] ?? '');
/** Rules and ports: what everybody who stands above a domain may know of it. */
const isPort = (file: string): boolean => isDomain(file) && !ADAPTER.test(file) && !RESOLVERS.test(file);
const within = (...folders: readonly string[]) => new RegExp(`^(${folders.join('|')})/`);
const adapterOf = (kind: string) => (file: string) =>
  isPort(file) ||
  within('lib', 'log', kind).test(file) ||
  (isDomain(file) && file.endsWith(`.${kind}.ts`)) ||
  // A limiter over Redis goes on in memory while Redis is away.
  (kind === 'redis' && file.endsWith('.memory.ts')) ||
  file === 'config.ts';

/** What a file of each kind may import from `src`, as docs/ARCHITECTURE.md says. */
const MAY: Readonly<Record<string, (file: string) => boolean>> = {
  'lib/x.ts': (file) => within('lib').test(file),
  'log/x.ts': (file) => within('lib', 'log').test(file),
  'sqlite/x.ts': (file) => within('lib', 'sqlite').test(file),
  'mongo/x.ts': (file) => within('lib', 'mongo').test(file),
  'redis/x.ts': (file) => within('lib', 'redis').test(file),
  'messages/x.ts': (file) => isPort(file) || within('lib', 'log').test(file) || file === 'config.ts',
  'messages/x-resolvers.ts': (file) =>
    isPort(file) ||
    RESOLVERS.test(file) ||
    within('lib', 'log').test(file) ||
    /^graphql\/(connection|errors|node|parents|subscription-field|viewer)\.ts$/.test(file) ||
    /^(config|context)\.ts$/.test(file),
  'messages/x.sqlite.ts': adapterOf('sqlite'),
  'messages/x.mongo.ts': adapterOf('mongo'),
  'messages/x.redis.ts': adapterOf('redis'),
  'messages/x.memory.ts': adapterOf('memory'),
  'graphql/x.ts': (file) =>
    (isDomain(file) && !ADAPTER.test(file)) ||
    within('lib', 'log', 'graphql').test(file) ||
    file === 'context.ts',
  'graphql/shared/x.ts': (file) =>
    (isDomain(file) && !ADAPTER.test(file)) ||
    within('lib', 'log', 'graphql').test(file) ||
    file === 'context.ts',
  'transport/x.ts': (file) =>
    (isDomain(file) && !ADAPTER.test(file)) ||
    within('lib', 'log', 'graphql', 'transport').test(file) ||
    file === 'context.ts',
  'foundation.ts': (file) =>
    isDomain(file) ||
    within('lib', 'sqlite', 'mongo', 'redis').test(file) ||
    /^(config|services)\.ts$/.test(file),
  'app.ts': (file) => !ADAPTER.test(file) && !within('sqlite', 'mongo', 'redis').test(file),
};

/** Which of `sources` the linter lets each kind of file import. */
async function letThrough(kinds: readonly string[], sources: readonly string[]) {
  const folder = await mkdtemp(join(tmpdir(), 'madang-arrows-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  await cp('.oxlintrc.json', join(folder, '.oxlintrc.json'));
  const allowed: Record<string, readonly string[]> = {};
  for (const kind of kinds) {
    const file = join('src', kind);
    const lines = sources.map((source, index) => {
      const path = relative(dirname(kind), source).replace(/\.ts$/, '.js');
      return `export type { A${index} } from '${path.startsWith('.') ? path : `./${path}`}';`;
    });
    await mkdir(join(folder, dirname(file)), { recursive: true });
    await writeFile(join(folder, file), lines.join('\n'));
    const { stdout } = await run(resolve('node_modules/.bin/oxlint'), ['--format', 'json', file], {
      cwd: folder,
      maxBuffer: 64 * 1024 * 1024,
    }).catch((error: { stdout: string }) => error);
    const { diagnostics } = JSON.parse(stdout) as {
      diagnostics: { code: string; labels: [{ span: { line: number } }] }[];
    };
    const refused = new Set(
      diagnostics
        .filter(({ code }) => code.includes('no-restricted-imports'))
        .map(({ labels }) => labels[0].span.line),
    );
    allowed[kind] = sources.filter((_, index) => !refused.has(index + 1));
  }
  return allowed;
}

describe('who may import whom', () => {
  it('is held by the linter, for a file of each kind and every source file', async () => {
    const sources = (await readdir('src', { recursive: true }))
      .filter((file) => file.endsWith('.ts') && !file.includes('__generated__'))
      .toSorted();
    expect(sources.length).toBeGreaterThan(150);
    const kinds = Object.keys(MAY);
    const allowed = await letThrough(kinds, sources);
    // Nothing imports itself, and its own folder is its own affair.
    const others = (kind: string) => (file: string) =>
      dirname(file) !== dirname(kind) || dirname(kind) === 'messages';
    const wrong = kinds.map((kind) => [
      kind,
      (allowed[kind] ?? []).filter(others(kind)).filter((file) => !MAY[kind]?.(file)),
    ]);
    expect(Object.fromEntries(wrong)).toEqual(Object.fromEntries(kinds.map((kind) => [kind, []])));
  });
});
