import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { gzipSync } from 'node:zlib';
import { build } from 'vite';
import { describe, expect, it, onTestFinished } from 'vitest';

/** What the README of the kit and the issue of its size leave out: parts that a GraphQL client has anyway. */
const OTHERS = /^(graphql-ws|@urql\/core|graphql|wonka)$/;
const KIT = resolve('client/kit/index.ts');
const LARGEST_BYTES = 12_000;

/** Bundles `code` for a browser, with the kit and what it needs but `OTHERS`. */
async function bundle(code: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'madang-bundle-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const entry = join(folder, 'entry.js');
  await writeFile(entry, code);
  const built = await build({
    configFile: false,
    logLevel: 'silent',
    root: folder,
    build: {
      write: false,
      target: 'es2022',
      minify: true,
      lib: { entry, formats: ['es'], fileName: 'kit' },
      rollupOptions: { external: OTHERS },
    },
  });
  const [output] = [built].flat();
  if (output === undefined || !('output' in output)) throw new Error('There is no bundle.');
  return output.output.map((part) => (part.type === 'chunk' ? part.code : '')).join('');
}

describe('the kit in a bundle', () => {
  it(`has at most ${LARGEST_BYTES / 1000} kB gzipped`, async () => {
    const code = await bundle(`export * from ${JSON.stringify(KIT)};`);
    expect(code).toContain('graphql-ws');
    const bytes = gzipSync(code).length;
    console.log(`   madang-client: ${bytes} bytes gzipped without graphql-ws and @urql/core`);
    expect(bytes).toBeGreaterThan(3000);
    expect(bytes).toBeLessThanOrEqual(LARGEST_BYTES);
  });

  it('leaves out what is not used', async () => {
    expect((await bundle(`import ${JSON.stringify(KIT)};`)).trim()).toBe('');
    const counting = await bundle(`export { unreadCount } from ${JSON.stringify(KIT)};`);
    expect(counting).not.toContain('import');
    expect(counting.length).toBeLessThan(300);
    const room = await bundle(`export { followRoom } from ${JSON.stringify(KIT)};`);
    expect(room).not.toContain('graphql-ws');
  });
});
