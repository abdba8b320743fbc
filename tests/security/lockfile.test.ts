import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { report } from './support/table.ts';

interface LockedPackage {
  readonly version: string;
  readonly integrity?: string;
  readonly resolved?: string;
  readonly hasInstallScript?: boolean;
  readonly dev?: boolean;
}

/** More production packages than this need a reason. */
const MOST_PRODUCTION_PACKAGES = 110;

const PERMISSIVE = new Set([
  'MIT',
  'ISC',
  'Apache-2.0',
  'BSD-2-Clause',
  'BSD-3-Clause',
  '0BSD',
  'BlueOak-1.0.0',
  'Unlicense',
  'CC0-1.0',
]);

const lock = JSON.parse(readFileSync('package-lock.json', 'utf8')) as {
  packages: Record<string, LockedPackage>;
};
const locked = Object.entries(lock.packages).filter(([path]) => path !== '');
const production = locked.filter(([, { dev }]) => dev !== true);

report('S19', () => ({
  tried: production.length,
  of: 'production packages',
  result: 'pinned, with checksums, in the bill of materials, under permissive licences',
}));

describe('S19 the lockfile', () => {
  it('has a checksum for every package', () => {
    expect(
      locked.filter(([, { integrity }]) => integrity?.startsWith('sha512-') !== true).map(([path]) => path),
    ).toEqual([]);
  });

  it('names no host, so that any registry serves it', () => {
    expect(locked.filter(([, { resolved }]) => resolved !== undefined).map(([path]) => path)).toEqual([]);
  });

  // That script compiles where no built driver is carried along; package.test.ts runs a server without it.
  it('has one production package with an install script, which is not needed', () => {
    const scripts = production.filter(([, { hasInstallScript }]) => hasInstallScript === true);
    expect(scripts.map(([path]) => path)).toEqual(['node_modules/@photostructure/sqlite']);
  });

  it('keeps the production set small', () => {
    expect(production.length).toBeLessThanOrEqual(MOST_PRODUCTION_PACKAGES);
  });

  it.each([
    ['ws', '8.21.0'],
    ['graphql', '16.8.1'],
  ])('has %s at %s or newer, which closed a hole', (name, floor) => {
    const version = lock.packages[`node_modules/${name}`]?.version ?? '0.0.0';
    expect(version.localeCompare(floor, 'en', { numeric: true })).toBeGreaterThanOrEqual(0);
  });

  // An SDK registers under the version of the API that it brings, and a newer API than that passes it over.
  it('has an API of OpenTelemetry that is no newer than what present SDKs bring', () => {
    expect(lock.packages['node_modules/@opentelemetry/api']?.version).toMatch(/^1\.9\./);
  });

  it('pins every direct dependency exactly', () => {
    const { dependencies, devDependencies } = JSON.parse(readFileSync('package.json', 'utf8')) as Record<
      string,
      Record<string, string>
    >;
    const loose = Object.entries({ ...dependencies, ...devDependencies }).filter(
      ([, range]) => !/^\d+\.\d+\.\d+$/.test(range),
    );
    expect(loose).toEqual([]);
  });

  it('gives a bill of materials that names every production package, without a network', () => {
    const args = ['sbom', '--sbom-format', 'cyclonedx', '--offline'];
    const { stdout, status } = spawnSync('npm', args, { encoding: 'utf8', maxBuffer: 50_000_000 });
    expect(status).toBe(0);
    const { components } = JSON.parse(stdout) as { components: readonly { purl: string }[] };
    const listed = new Set(components.map(({ purl }) => decodeURIComponent(purl.replace('pkg:npm/', ''))));
    const names = production
      .filter(([path]) => existsSync(path))
      .map(([path, { version }]) => `${path.slice(path.lastIndexOf('node_modules/') + 13)}@${version}`);
    expect(names.filter((name) => !listed.has(name))).toEqual([]);
  });

  it('has production packages under permissive licences alone', () => {
    const licences = production
      .filter(([path]) => existsSync(path))
      .map(([path]) => {
        const { license } = JSON.parse(readFileSync(`${path}/package.json`, 'utf8')) as { license?: unknown };
        return [path, license] as const;
      });
    expect(licences.length).toBeGreaterThan(20);
    expect(licences.filter(([, licence]) => !PERMISSIVE.has(String(licence)))).toEqual([]);
  });
});
