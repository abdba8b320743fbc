import { readFile } from 'node:fs/promises';
import { build } from 'vite';
import { describe, expect, it } from 'vitest';
import { builtEntryPoint } from '../testkit/services/index.js';

/** The package that a module lies in, by its path. */
const packageOf = (module: string): string | undefined =>
  /.*node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(module)?.[1];

/** Packages of which code is in the web client. */
async function bundled(): Promise<readonly string[]> {
  const built = await build({
    configFile: 'client/vite.config.ts',
    logLevel: 'error',
    build: { write: false },
  });
  const outputs = Array.isArray(built) ? built.flatMap(({ output }) => output) : [];
  const chunks = 'output' in built ? built.output : outputs;
  const modules = chunks.flatMap((output) => (output.type === 'chunk' ? output.moduleIds : []));
  return [...new Set(modules.map(packageOf))].filter((name) => name !== undefined);
}

describe('the web client', () => {
  it('carries the licence of everything that it bundles', async () => {
    await builtEntryPoint();
    const text = await readFile('dist/client/licenses.txt', 'utf8');
    const sections = text.split(/^## /m).slice(1);
    const names = sections.map((section) => section.split(' - ', 1)[0] ?? '');
    const expected = await bundled();
    expect(expected.length).toBeGreaterThan(5);
    expect(names.toSorted()).toEqual(expected.toSorted());
    expect(sections.filter((section) => !/^Copyright/m.test(section))).toEqual([]);
    expect(
      sections.filter((section) => !/\((?:MIT|ISC|Apache-2\.0|BSD-\d-Clause)\)$/m.test(section)),
    ).toEqual([]);
  });
});
