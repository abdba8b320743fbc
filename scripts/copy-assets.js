/** After `tsc`: what the compiler leaves behind. The printed schema, Lua scripts, and a program that can be run. */
import { chmodSync, copyFileSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { printSchema } from 'graphql';

const SHEBANG = '#!/usr/bin/env node\n';
const EXECUTABLE = 0o755;

// The same text as at /schema.graphql.
const { buildChatSchema } = await import('../dist/graphql/schema.js');
writeFileSync('dist/schema.graphql', `${printSchema(buildChatSchema())}\n`);

for (const entry of readdirSync('src', { withFileTypes: true, recursive: true })) {
  if (!entry.isFile() || !entry.name.endsWith('.lua')) continue;
  const source = join(entry.parentPath, entry.name);
  const target = join('dist', relative('src', source));
  mkdirSync(dirname(target), { recursive: true });
  copyFileSync(source, target);
}

const main = readFileSync('dist/main.js', 'utf8');
if (!main.startsWith('#!')) writeFileSync('dist/main.js', SHEBANG + main);
chmodSync('dist/main.js', EXECUTABLE);
