import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

/** Names of settings at the beginning of a line, commented out or not. */
const namesIn = (text: string, pattern: RegExp): string[] => [
  ...new Set([...text.matchAll(pattern)].map(([, name]) => name ?? '')),
];

describe('.env.example', () => {
  it('lists every setting, and no other', () => {
    const settings = namesIn(readFileSync('src/config.ts', 'utf8'), /^ {2}([A-Z][A-Z_]+):/gm);
    const listed = namesIn(readFileSync('.env.example', 'utf8'), /^(?:# )?([A-Z][A-Z_]+)=/gm);
    expect(settings.length).toBeGreaterThan(20);
    expect(listed.toSorted()).toEqual(settings.toSorted());
  });
});
