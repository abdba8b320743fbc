import { execFile } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { basename, dirname, join, normalize } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { anchorsOf, blocksOf, DOCUMENTS, prose, read } from './markdown.js';

const run = promisify(execFile);

/** Whether there is a file, or for a name with a star any file, of this name. */
function exists(path: string): boolean {
  if (!path.includes('*')) return existsSync(path);
  const [start = '', end = ''] = basename(path).split('*');
  const folder = dirname(path);
  const names = existsSync(folder) ? readdirSync(folder) : [];
  return names.some((name) => name.startsWith(start) && name.endsWith(end));
}

describe('the documents', () => {
  it('link to files and headings that exist', () => {
    const broken = DOCUMENTS.flatMap((file) =>
      [...prose(file).matchAll(/\]\(([^)\s]+)\)/g)]
        .map(([, target = '']) => target)
        .filter((target) => !/^[a-z]+:/.test(target))
        .filter((target) => {
          const [path = '', anchor] = target.split('#');
          const at = path === '' ? file : normalize(join(dirname(file), path));
          if (!existsSync(at)) return true;
          return anchor !== undefined && !anchorsOf(at).has(anchor);
        })
        .map((target) => `${file}: ${target}`),
    );
    expect(broken).toEqual([]);
  });

  it('name files that exist: architecture, rules and decisions', () => {
    const files = DOCUMENTS.filter((name) => name.startsWith('docs/'));
    const named = files.flatMap((file) =>
      [
        ...read(file).matchAll(
          /(?<![\w/.-])(?:src|client|schema|tests|scripts|deploy|examples|bench)\/[\w./*-]*[\w*/]/g,
        ),
      ].map(([path]) => ({ file, path })),
    );
    expect(named.length).toBeGreaterThan(20);
    const missing = named.filter(({ path }) => !exists(path));
    expect(missing).toEqual([]);
  });

  it('of the rules name each one that a test is named after', () => {
    const rules = [...read('docs/SPEC.md').matchAll(/^- \*\*([A-Z]+-\d+):/gm)].map(([, rule = '']) => rule);
    expect(rules.length).toBeGreaterThan(25);
    const names = readdirSync('tests', { recursive: true, encoding: 'utf8' })
      .filter((path) => /\.(test|long|suite)\.ts$/.test(path) && !path.startsWith('docs/'))
      .flatMap((path) => read(join('tests', path)).match(/\((['`"]).*?\1/g) ?? [])
      .join('\n');
    expect(rules.filter((rule) => !new RegExp(`\\b${rule}\\b`).test(names))).toEqual([]);
  });

  it('name npm scripts that there are', () => {
    const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
    const own = new Set(['ci', 'install', 'pack', 'test', 'start', 'sbom', 'run', ...Object.keys(scripts)]);
    const named = DOCUMENTS.filter((file) => file !== 'examples/README.md').flatMap((file) =>
      [...read(file).matchAll(/\bnpm (?:run )?(?:--?\S+ )*([a-z][\w:-]*)/g)].map(([, name = '']) => ({
        file,
        name,
      })),
    );
    expect(named.length).toBeGreaterThan(10);
    expect(named.filter(({ name }) => !own.has(name))).toEqual([]);
  });

  it('of the Korean README have what the English one has: sections, code, links, names', () => {
    const outline = (file: string) => {
      const text = read(file);
      const every = (pattern: RegExp) => [...text.matchAll(pattern)].map(([, found = '']) => found);
      return {
        sections: every(/^(#+) /gm),
        blocks: blocksOf(file).map(({ language, mark, code }) => [
          language,
          mark,
          code.replace('Courtyard', '마당'),
        ]),
        commands: every(/`((?:npm|npx|madang) [^`]+)`/g).toSorted(),
        rows: every(/^(\|)/gm).length,
        links: every(/\]\(([^)]+)\)/g)
          .filter((target) => !target.startsWith('README'))
          .toSorted(),
        names: [...new Set(every(/`([A-Z][A-Z_]+)`/g))].toSorted(),
      };
    };
    expect(outline('README.ko.md')).toEqual(outline('README.md'));
  });

  it('of the changelog have the form of Keep a Changelog', () => {
    const headings = [...read('CHANGELOG.md').matchAll(/^(##+) (.*)$/gm)].map(
      ([, level, text]) => `${level} ${text}`,
    );
    const version = /^## \[(Unreleased|\d+\.\d+\.\d+)\]( - \d{4}-\d\d-\d\d)?$/;
    const kind = /^### (Added|Changed|Deprecated|Removed|Fixed|Security)$/;
    expect(headings[0]).toBe('## [Unreleased]');
    expect(headings.filter((heading) => !version.test(heading) && !kind.test(heading))).toEqual([]);
    const entries = read('CHANGELOG.md')
      .split(/^- /m)
      .slice(1)
      .map((entry) => (entry.split('\n\n')[0] ?? '').trim());
    expect(entries.length).toBeGreaterThan(5);
    expect(entries.filter((entry) => !entry.endsWith('.'))).toEqual([]);
  });

  it('of the reference says what the schema says', async () => {
    await expect(run(process.execPath, ['scripts/reference.js', '--check'])).resolves.toBeDefined();
  });

  it('point to examples that fit on a page: 60 lines a file, the bot 40', () => {
    const sources = readdirSync('examples', { recursive: true, encoding: 'utf8' }).filter(
      (path) => /\.(ts|py|go|java|sh)$/.test(path) && !/node_modules|compiled|generated|venv/.test(path),
    );
    const lines = (path: string) => read(`examples/${path}`).trimEnd().split('\n').length;
    expect(sources.length).toBeGreaterThan(10);
    expect(sources.filter((path) => lines(path) > (path.startsWith('bot/') ? 40 : 60))).toEqual([]);
  });
});
