import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** A fenced block of code. */
export interface Block {
  readonly file: string;
  readonly line: number;
  readonly language: string;
  /** `run`: executed by a test. `types`: type-checked. `variables`: those of the operation before it. */
  readonly mark: string;
  /** Marked `endless` too: a command that goes on until somebody presses Ctrl+C. */
  readonly isEndless: boolean;
  readonly code: string;
}

/** The documents of the repository. */
export const DOCUMENTS: readonly string[] = [
  ...readdirSync('.').filter((name) => name.endsWith('.md')),
  'bench/README.md',
  'examples/README.md',
  'client/kit/README.md',
  ...readdirSync('docs', { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => join('docs', name)),
].sort();

export const read = (file: string): string => readFileSync(file, 'utf8');

const FENCE = /^```(\S*) *(\S*)( endless)?\n([\s\S]*?)^```$/gm;

/** The blocks of a document, in order. */
export function blocksOf(file: string): readonly Block[] {
  const text = read(file);
  return [...text.matchAll(FENCE)].map(
    ({ index, 1: language = '', 2: mark = '', 3: endless, 4: code = '' }) => ({
      file,
      line: text.slice(0, index).split('\n').length,
      language,
      mark,
      isEndless: endless !== undefined,
      code,
    }),
  );
}

/** The text without its blocks and inline code. */
export const prose = (file: string): string =>
  read(file)
    .replaceAll(FENCE, '')
    .replaceAll(/`[^`\n]*`/g, '');

/** The anchors that headings make, as GitHub names them. */
export function anchorsOf(file: string): ReadonlySet<string> {
  const seen = new Map<string, number>();
  const headings = [
    ...read(file)
      .replaceAll(FENCE, '')
      .matchAll(/^#{1,6} +(.+)$/gm),
  ];
  return new Set(
    headings.map(([, heading = '']) => {
      const slug = heading
        .toLowerCase()
        .replaceAll(/[^\p{Letter}\p{Number}\p{Mark}_ -]/gu, '')
        .replaceAll(' ', '-');
      const count = seen.get(slug) ?? 0;
      seen.set(slug, count + 1);
      return count === 0 ? slug : `${slug}-${count}`;
    }),
  );
}
