import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

const FOLDER = 'client/src';
const TOKENS = join(FOLDER, 'ui/tokens.css');
const COLOUR = /#[\da-f]{3,8}\b|\b(?:rgba?|hsla?|oklch|lab|color-mix)\(|gradient\(/i;

const files = readdirSync(FOLDER, { recursive: true, encoding: 'utf8' }).map((name) => join(FOLDER, name));
const read = (file: string): string => readFileSync(file, 'utf8');

describe('design tokens', () => {
  it('are the only place where a colour is written', () => {
    const styles = files.filter((file) => file.endsWith('.css'));
    expect(read(TOKENS)).toMatch(COLOUR);
    expect(styles.filter((file) => file !== TOKENS && COLOUR.test(read(file)))).toEqual([]);
  });

  it('have every name that a style asks for, and none that nothing asks for', () => {
    const all = files.filter((file) => /\.(css|tsx?)$/.test(file)).map(read);
    const used = new Set(
      all.flatMap((text) => [...text.matchAll(/var\((--[\w-]+)/g)].map(([, name]) => name)),
    );
    const named = new Set([...read(TOKENS).matchAll(/^\s*(--[\w-]+):/gm)].map(([, name]) => name));
    expect([...used].filter((name) => !named.has(name))).toEqual([]);
    expect([...named].filter((name) => !used.has(name))).toEqual([]);
  });
});

describe('the client', () => {
  const making = (pattern: RegExp): string[] =>
    files.filter((file) => /\.tsx?$/.test(file) && pattern.test(read(file)));

  it('has one GraphQL client and one cache, each made in one file', () => {
    expect(making(/new Client\(/)).toEqual([join(FOLDER, 'graphql/client.ts')]);
    expect(making(/cacheExchange\(/)).toEqual([join(FOLDER, 'graphql/cache.ts')]);
  });

  it('touches the storage of the browser in one file', () => {
    expect(making(/\b(?:localStorage|sessionStorage|indexedDB)\./)).toEqual([
      join(FOLDER, 'ui/browser-storage.ts'),
    ]);
  });
});
