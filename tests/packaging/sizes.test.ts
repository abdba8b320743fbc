import { readdir, readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { gzipSync } from 'node:zlib';
import { build } from 'vite';
import { beforeAll, describe, expect, it } from 'vitest';
import { builtEntryPoint } from '../testkit/services/index.js';

const ASSETS = 'dist/client/assets';
const BYTES_PER_KILOBYTE = 1000;
/** What the first visit of a phone has to fetch and read before it shows anything. */
const CLIENT_KILOBYTES = 120;
/** Without what a user of it has to choose: a WebSocket protocol and a GraphQL client. */
const KIT_KILOBYTES = 12;

const kilobytes = (code: string | Buffer): number => gzipSync(code, { level: 9 }).length / BYTES_PER_KILOBYTE;

describe('what a browser loads', () => {
  beforeAll(async () => void (await builtEntryPoint()));

  it(`the web client: at most ${CLIENT_KILOBYTES} kB of gzipped JavaScript in all`, async () => {
    const scripts = (await readdir(ASSETS)).filter((name) => name.endsWith('.js'));
    const sizes = await Promise.all(
      scripts.map(async (name) => kilobytes(await readFile(`${ASSETS}/${name}`))),
    );
    const all = sizes.reduce((sum, size) => sum + size, 0);
    console.log(`web client: ${all.toFixed(1)} kB of gzipped JavaScript in ${scripts.length} files`);
    expect(scripts.length).toBeGreaterThan(0);
    expect(all).toBeLessThanOrEqual(CLIENT_KILOBYTES);
  });

  it(`all of madang-client: at most ${KIT_KILOBYTES} kB gzipped`, async () => {
    const built = await build({
      root: resolve('client/kit'),
      configFile: false,
      logLevel: 'error',
      build: {
        write: false,
        minify: true,
        lib: { entry: resolve('client/kit/index.ts'), formats: ['es'] },
        rollupOptions: { external: ['graphql-ws', '@urql/core'] },
      },
    });
    const outputs = Array.isArray(built)
      ? built.flatMap(({ output }) => output)
      : 'output' in built
        ? built.output
        : [];
    const code = outputs.map((output) => (output.type === 'chunk' ? output.code : '')).join('');
    console.log(`madang-client: ${kilobytes(code).toFixed(1)} kB gzipped`);
    expect(code).toContain('messageAdded');
    expect(kilobytes(code)).toBeLessThanOrEqual(KIT_KILOBYTES);
  });
});
