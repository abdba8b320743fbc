import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

const FOLDER = 'client/src';
const TOKENS = join(FOLDER, 'ui/tokens.css');
const COLOUR = /#[\da-f]{3,8}\b|\b(?:rgba?|hsla?|oklch|lab|color-mix)\(|gradient\(/i;

const files = readdirSync(FOLDER, { recursive: true, encoding: 'utf8' }).map((name) => join(FOLDER, name));
const read = (file: string): string => readFileSync(file, 'utf8');

/** The colours of a token, in light and in dark. */
function colours(token: string): readonly string[] {
  const [, light = '', dark = ''] =
    new RegExp(`${token}: light-dark\\((#[\\da-f]{6}), (#[\\da-f]{6})\\)`).exec(read(TOKENS)) ?? [];
  return [light, dark];
}

/** Relative luminance, as WCAG has it. */
function luminance(colour: string): number {
  const [red = 0, green = 0, blue = 0] = [1, 3, 5]
    .map((at) => Number.parseInt(colour.slice(at, at + 2), 16) / 255)
    .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

function contrast(one: string, other: string): number {
  const [dark = 0, light = 0] = [one, other].map(luminance).toSorted((a, b) => a - b);
  return (light + 0.05) / (dark + 0.05);
}

describe('design tokens', () => {
  it('let a field be seen on its surface, and words be read on it, in light and in dark', () => {
    const surfaces = colours('--surface');
    const against = (token: string) =>
      colours(token).map((colour, index) => contrast(colour, surfaces[index] ?? ''));
    expect(contrast('#000000', '#ffffff')).toBe(21);
    for (const field of against('--line-field')) expect(field).toBeGreaterThanOrEqual(3);
    for (const words of [...against('--ink'), ...against('--ink-soft')]) {
      expect(words).toBeGreaterThanOrEqual(4.5);
    }
  });

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
