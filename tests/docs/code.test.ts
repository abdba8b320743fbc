import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { useServer } from '../api/world.js';
import { builtEntryPoint, programPath } from '../testkit/services/index.js';
import { blocksOf, DOCUMENTS, type Block } from './markdown.js';

const run = promisify(execFile);
const WRITTEN_FOR = /http:\/\/localhost:8000/g;

const marked = (mark: string, language: string): readonly Block[] =>
  DOCUMENTS.flatMap((file) => blocksOf(file)).filter(
    (block) => block.mark === mark && block.language === language,
  );
/** What can be executed or type-checked: no diagrams, no settings of other programs. */
const CODE = new Set(['sh', 'bash', 'graphql', 'ts', 'js']);
const filesOf = (blocks: readonly Block[]): readonly string[] => [...new Set(blocks.map(({ file }) => file))];

/** What stands for an answer in later variables, by the field that gives it. */
const PLACEHOLDERS: Readonly<Record<string, string>> = {
  resumeCursor: 'RESUME_CURSOR',
  cursor: 'CURSOR',
};

/** Somebody who writes until the command hears it, and then presses Ctrl+C. */
const untilHeard = (command: string): string => `
heard=$(mktemp)
set -m
{ ${command} } >"$heard" &
listener=$!
set +m
for attempt in $(seq 200); do
  curl -s $api -H 'content-type: application/json' -H "authorization: Bearer $token" -o /dev/null -d '{
    "query": "mutation ($input: SendMessageInput!) { sendMessage(input: $input) { cursor } }",
    "variables": { "input": { "roomId": "'$room'", "text": "for those who listen" } } }'
  if grep -q '"number"' "$heard"; then break; fi
  sleep 0.1
done
kill -- -$listener
grep -q '"number"' "$heard"
`;

/**
 * A folder as a clone is for what the documents do in one, with a `docker` that checks the file in place of starting
 * what is in it.
 */
async function cloneFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'madang-docs-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  for (const name of ['.env.example', 'docker-compose.yml', 'deploy']) {
    await cp(name, join(folder, name), { recursive: true });
  }
  const compose = await programPath('compose');
  const config = compose.endsWith('docker') ? 'compose config' : 'config';
  const script = `#!/bin/sh\n[ "$*" = "compose up" ] && exec '${compose}' ${config} --quiet\n`;
  await mkdir(join(folder, 'bin'));
  await writeFile(join(folder, 'bin/docker'), script, { mode: 0o755 });
  return folder;
}

describe('the code in the documents', () => {
  const chat = useServer('embedded');

  it('is executed or type-checked, most of it', () => {
    const blocks = DOCUMENTS.flatMap((file) => blocksOf(file)).filter(({ language }) => CODE.has(language));
    const unmarked = blocks.filter(({ mark }) => mark === '');
    const kinds = blocks.map(({ language, mark }) => `${language} ${mark}`.trim());
    const counts = [...new Set(kinds)].map((kind) => `${kinds.filter((it) => it === kind).length} ${kind}`);
    console.log(`${blocks.length} blocks of code: ${counts.join(', ')}`);
    expect(unmarked.length / blocks.length).toBeLessThan(0.25);
    // A mark without a test behind it would say what is not so.
    const tested = ['bash run', 'graphql run', 'ts types', 'js types'];
    expect(kinds.filter((kind) => kind.includes(' ') && !tested.includes(kind))).toEqual([]);
  });

  it.each(filesOf(marked('run', 'bash')))('of the shell runs from top to bottom: %s', async (file) => {
    const script = marked('run', 'bash')
      .filter((block) => block.file === file)
      .map(({ code, isEndless }) => (isEndless ? untilHeard(code) : code))
      .join('\n')
      .replaceAll(WRITTEN_FOR, chat.url);
    const cwd = await cloneFolder();
    const env = { ...process.env, PATH: `${join(cwd, 'bin')}:${process.env['PATH']}` };
    const { stdout } = await run('bash', ['-eu', '-c', script], { cwd, env });
    // curl is content with whatever it is answered.
    expect(stdout).not.toMatch(/"errors":|"userErrors":\[\{/);
  });

  describe.each(filesOf(marked('run', 'graphql')))('operations answer without an error: %s', (file) => {
    const known = new Map<string, string>([['UNIQUE', randomUUID()]]);
    let token: string | undefined;

    /** Remembers what later operations refer to. */
    function learn(value: unknown): void {
      if (typeof value !== 'object' || value === null) return;
      for (const [name, part] of Object.entries(value)) {
        const placeholder = PLACEHOLDERS[name];
        if (placeholder !== undefined && typeof part === 'string' && !known.has(placeholder)) {
          known.set(placeholder, part);
        }
        if (name === 'token' && typeof part === 'string') token = part;
        if (name === 'createRoom') known.set('ROOM_ID', (part as { room: { id: string } }).room.id);
        learn(part);
      }
    }

    /** The first result, however the operation is answered. */
    async function firstResult(query: string, variables: unknown): Promise<unknown> {
      const aborted = new AbortController();
      const response = await fetch(`${chat.url}/graphql`, {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          accept: 'text/event-stream',
          ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        },
        body: JSON.stringify({ query, variables }),
        signal: aborted.signal,
      });
      let text = '';
      for await (const chunk of response.body!.pipeThrough(new TextDecoderStream())) {
        text += chunk;
        const data = /^data: (\{.*\})$/m.exec(text)?.[1];
        if (data === undefined) continue;
        aborted.abort();
        return JSON.parse(data);
      }
      throw new Error(`no result: ${response.status} ${text}`);
    }

    const blocks = blocksOf(file);
    const operations = blocks
      .map((block, index) => ({ ...block, variables: blocks[index + 1] }))
      .filter(({ mark, language }) => mark === 'run' && language === 'graphql');

    it.each(operations)('line $line', async ({ code, variables }) => {
      let given = variables?.mark === 'variables' ? variables.code : '{}';
      for (const [name, value] of known)
        given = given.replaceAll(name === 'CURSOR' ? /\bCURSOR\b/g : name, value);
      // Who follows from the newest page on hears the next message: somebody writes one.
      const follows = code.includes('messageAdded');
      const answered = firstResult(code, JSON.parse(given));
      if (follows) {
        await firstResult(
          'mutation ($input: SendMessageInput!) { sendMessage(input: $input) { number: cursor } }',
          {
            input: { roomId: known.get('ROOM_ID'), text: 'for those who follow' },
          },
        );
      }
      const answer = await answered;
      expect(answer).not.toHaveProperty('errors');
      expect(JSON.stringify(answer)).not.toMatch(/"userErrors":\[\{/);
      learn(answer);
    });
  });

  describe('of TypeScript', () => {
    const folder = resolve('tests/docs/__generated__');
    beforeAll(async () => {
      await builtEntryPoint();
      await rm(folder, { recursive: true, force: true });
      await mkdir(folder, { recursive: true });
    });

    it('has no type error', async () => {
      const blocks = [...marked('types', 'ts'), ...marked('types', 'js')];
      for (const { file, line, code } of blocks) {
        await writeFile(join(folder, `${file.replaceAll(/\W/g, '-')}-${line}.ts`), code);
      }
      const base = JSON.parse(await readFile('tsconfig.json', 'utf8')) as { compilerOptions: object };
      const compilerOptions = {
        ...base.compilerOptions,
        rootDir: '../../..',
        noEmit: true,
        lib: ['es2023', 'dom'],
        noUnusedLocals: false,
        noPropertyAccessFromIndexSignature: false,
        paths: { 'madang-client': ['../../../client/kit/index.ts'] },
      };
      await writeFile(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, include: ['*.ts'] }));
      const checked = await run(process.execPath, ['node_modules/typescript/bin/tsc', '-p', folder]).catch(
        (error: { stdout: string }) => error,
      );
      expect(checked.stdout).toBe('');
    });
  });
});
