import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

interface LockedPackage {
  readonly version: string;
  readonly integrity?: string;
  readonly resolved?: string;
  readonly hasInstallScript?: boolean;
  readonly dev?: boolean;
}

/** More production packages than this need a reason. */
const MOST_PRODUCTION_PACKAGES = 110;

const lock = JSON.parse(readFileSync('package-lock.json', 'utf8')) as {
  packages: Record<string, LockedPackage>;
};
const locked = Object.entries(lock.packages).filter(([path]) => path !== '');
const production = locked.filter(([, { dev }]) => dev !== true);

describe('the lockfile', () => {
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
    console.log(`${production.length} production packages`);
    expect(production.length).toBeLessThanOrEqual(MOST_PRODUCTION_PACKAGES);
  });

  it.each([
    ['ws', '8.21.0'],
    ['graphql', '16.8.1'],
  ])('has %s at %s or newer, which closed a hole', (name, floor) => {
    const version = lock.packages[`node_modules/${name}`]?.version ?? '0.0.0';
    expect(version.localeCompare(floor, 'en', { numeric: true })).toBeGreaterThanOrEqual(0);
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
});
