import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

/** What every example does, and how its sources show it, in whatever language. */
const STEPS: Readonly<Record<string, RegExp>> = {
  'makes a visitor': /createVisitor|CreateVisitor|connected: \(_, ack\)/,
  'opens a room': /createRoom|CreateRoom/,
  'follows it': /messageAdded/,
  'sends with a key': /idempotencyKey/i,
  'resumes by cursor': /after\W[\s\S]*cursor/i,
  'watches the list': /roomsChanged/,
};

/** Packages by the name that the table in examples/README.md gives them. */
const PACKAGES: Readonly<Record<string, string>> = {
  'graphql-ws': 'graphql-ws',
  urql: '@urql/core',
  'Apollo Client': '@apollo/client',
  Relay: 'relay-runtime',
  gql: 'gql',
  genqlient: 'genqlient',
  'gorilla/websocket': 'gorilla/websocket',
  'SmallRye GraphQL client': 'smallrye-graphql-client',
};

const MANIFEST = /^(package\.json|requirements\.txt|go\.mod|pom\.xml)$/;
const filesOf = (folder: string): readonly string[] =>
  readdirSync(`examples/${folder}`).filter((name) =>
    /\.(ts|py|go|java|sh|graphql|json|txt|mod|xml)$/.test(name),
  );
const textOf = (folder: string, isPart: (name: string) => boolean): string =>
  filesOf(folder)
    .filter(isPart)
    .map((name) => readFileSync(`examples/${folder}/${name}`, 'utf8'))
    .join('\n');

/** The version that a manifest pins, whatever its format. */
function versionOf(manifest: string, name: string): string | undefined {
  const escaped = (PACKAGES[name] ?? name).replaceAll('/', '\\/');
  return new RegExp(`(?<![\\w-])${escaped}(?!\\w)[^\\d\\n]*(?:\\n\\s*<version>)?v?(\\d+\\.\\d+\\.\\d+)`).exec(
    manifest,
  )?.[1];
}

const rows = [
  ...readFileSync('examples/README.md', 'utf8').matchAll(/^\| \[`([\w-]+)`\]\([\w-]+\) *\| ([^|]+)\|/gm),
].map(([, folder = '', clients = '']) => ({ folder, clients: clients.trim().replaceAll('`', '') }));

describe('the examples', () => {
  it('are all in the table, each with what it takes', () => {
    const others = ['bot', 'typed-operations'];
    const folders = readdirSync('examples', { withFileTypes: true }).filter((entry) => entry.isDirectory());
    const listed = [...rows.map(({ folder }) => folder), ...others];
    expect(folders.map(({ name }) => name).toSorted()).toEqual(listed.toSorted());
  });

  it.each(rows)('$folder makes a visitor and a room, follows, sends, resumes and watches the list', (row) => {
    const text = textOf(row.folder, () => true);
    const missing = Object.entries(STEPS).filter(([, shown]) => !shown.test(text));
    expect(missing.map(([step]) => step)).toEqual([]);
  });

  it.each(rows)('$folder has the versions that the table names: $clients', ({ folder, clients }) => {
    const manifest = textOf(folder, (name) => MANIFEST.test(name));
    const named = [...clients.matchAll(/([A-Za-z][\w/ -]*?) (\d[\d.]*)/g)];
    const versions = named.map(([, name = '', version = '']) => ({
      name,
      agrees: versionOf(manifest, name)?.startsWith(version) ?? false,
    }));
    expect(versions.filter(({ agrees }) => !agrees)).toEqual([]);
    const full = named.map(([, name = '']) => `${name} ${versionOf(manifest, name)}`).join(', ') || clients;
    console.log(`${folder.padEnd(22)} ${full.padEnd(44)} ${Object.keys(STEPS).join(' · ')}`);
  });
});
