import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { blocksOf, read } from './markdown.js';

const README = 'client/kit/README.md';

/** What the kit exports, types too. */
function exportedNames(): readonly string[] {
  const lists = readFileSync('client/kit/index.ts', 'utf8').matchAll(/export (?:type )?\{([^}]*)\}/g);
  return [...lists].flatMap(([, list = '']) =>
    list
      .split(',')
      .map((name) => name.replace(/\btype\b/, '').trim())
      .filter((name) => name !== ''),
  );
}

describe('the README of madang-client', () => {
  it('tells of everything that the package exports', () => {
    const names = exportedNames();
    expect(names.length).toBeGreaterThan(30);
    const words = new Set(
      read(README)
        .replaceAll(/^```[\s\S]*?^```$/gm, '')
        .match(/[A-Za-z_]+/g),
    );
    expect(names.filter((name) => !words.has(name))).toEqual([]);
  });

  it('has only code whose types are checked', () => {
    const blocks = blocksOf(README);
    expect(blocks.length).toBeGreaterThan(4);
    expect(blocks.filter(({ mark }) => mark !== 'types')).toEqual([]);
  });
});
