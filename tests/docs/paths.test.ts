import { existsSync, readdirSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../api/world.js';
import { foundation, type TestFoundation } from '../testkit/foundation.js';
import { ask } from '../testkit/graphql-client.js';
import { createRoom, createVisitor, MESSAGE_ADDED, SEND_MESSAGE, sendMessage } from '../testkit/seed.js';
import { startServerChild, type ServerChild } from '../testkit/server-child.js';
import { openSocket } from '../testkit/socket-client.js';
import { INSPECTED, watchExecuted } from './executed.js';
import { read } from './markdown.js';

const CHANGED = 'subscription { roomsChanged { cursor rooms { id recentVisitorCount } order } }';
const VISIT = 'mutation ($roomId: ID!) { visitRoom(input: { roomId: $roomId }) { userErrors { code } } }';
/** How often each thing is done: what runs every time belongs to it, what runs now and then is something else. */
const ROUNDS = 3;
/** In which everything that a server does by itself has run. */
const QUIET_MS = 3000;
/** Puts the parts together, which then pass through its closures. */
const COMPOSED = /^src\/(app|foundation|services)\.ts$/;

/** The part of docs/ARCHITECTURE.md under a heading. */
const section = (heading: string): string =>
  read('docs/ARCHITECTURE.md').split(`## ${heading}\n`)[1]?.split('\n## ')[0] ?? '';

/** The files in the table of a section, written as a folder and, behind it, what is in it. */
function filesIn(heading: string): readonly string[] {
  const rows = section(heading).matchAll(/^\|.*\|(.*)\|$/gm);
  return [...rows].flatMap(([, cell = '']) => {
    let folder = '';
    return [...cell.matchAll(/`([^`]+)`/g)].flatMap(([, name = '']) => {
      if (!name.includes('/')) return [join(folder, name)];
      if (basename(name).includes('.')) return [name];
      folder = name;
      return [];
    });
  });
}

/** Whether a file is the named one; `*` stands for an adapter. */
const isNamed = (file: string, name: string): boolean =>
  name.endsWith('.*') ? file.startsWith(name.slice(0, -1)) : file === name;

describe('the paths in docs/ARCHITECTURE.md', () => {
  let base: TestFoundation;
  let server: ServerChild;
  beforeAll(async () => {
    base = await foundation('embedded');
    server = await startServerChild({ env: { ...base.env, RANKING_INTERVAL_MS: '300', ...INSPECTED } });
  });
  afterAll(async () => {
    await server?.stop('SIGINT');
    await base?.dispose();
  });

  it.each(['The path of a message', 'The path of the ranking'])('%s names files that exist', (heading) => {
    const named = filesIn(heading);
    expect(named.length).toBeGreaterThan(15);
    const missing = named.filter((name) => {
      if (!existsSync(dirname(name))) return true;
      return !readdirSync(dirname(name)).some((file) => isNamed(join(dirname(name), file), name));
    });
    expect(missing).toEqual([]);
  });

  it('are those that run: every file that a message or a visit passes is named, and every named file runs', async () => {
    const url = server.url();
    const executed = await watchExecuted(server);
    const author = await createVisitor(url);
    const roomId = await createRoom(url, author);
    const socket = await openSocket(url, { token: author.token });
    const room = socket.subscribe<unknown>(MESSAGE_ADDED, { roomId });
    const list = socket.subscribe<unknown>(CHANGED);
    const heard = (of: { data: readonly unknown[] }, count: number) =>
      eventually(
        () => of.data.length,
        (length) => length >= count,
      );
    await heard(list, 1);

    async function say(): Promise<void> {
      const before = room.data.length;
      await sendMessage(url, author, { roomId, text: 'over HTTP' });
      const input = { roomId, text: 'over the socket', idempotencyKey: `key ${before}` };
      await socket.request(SEND_MESSAGE, { input });
      await heard(room, before + 2);
    }
    async function visit(): Promise<void> {
      const before = list.data.length;
      const [one, another] = await Promise.all([createVisitor(url), createVisitor(url)]);
      await ask(url, VISIT, { roomId }, { token: one.token });
      const open = await openSocket(url, { token: another.token });
      await heard(list, before + 1);
      // A change of its own: that of the visit may come before this is in force.
      const known = list.data.length;
      open.subscribe(MESSAGE_ADDED, { roomId });
      await heard(list, known + 1);
      open.close();
    }
    async function ranEachTime(work: () => Promise<void>) {
      const rounds: ReadonlySet<string>[] = [];
      for (let round = 0; round < ROUNDS; round += 1) rounds.push(await executed.during(work));
      const ever = new Set(rounds.flatMap((files) => [...files]));
      return { ever, always: [...ever].filter((file) => rounds.every((files) => files.has(file))) };
    }

    await say();
    await visit();
    const quiet = await executed.during(() => wait(QUIET_MS));
    const message = await ranEachTime(say);
    const ranking = await ranEachTime(visit);
    executed.close();
    socket.close();

    const named = { message: filesIn('The path of a message'), ranking: filesIn('The path of the ranking') };
    // What runs only where somebody has to wait is named below a table, not in it.
    const isUnnamed = (heading: string, names: readonly string[]) => (file: string) =>
      !names.some((name) => isNamed(file, name)) &&
      !section(heading).includes(`\`${file}\``) &&
      !COMPOSED.test(file) &&
      !file.startsWith('src/lib/');
    expect({
      message: message.always
        .filter((file) => !quiet.has(file))
        .filter(isUnnamed('The path of a message', named.message)),
      ranking: ranking.always
        .filter((file) => /^src\/(presence|ranking|rooms)\//.test(file))
        .filter(isUnnamed('The path of the ranking', named.ranking)),
    }).toEqual({ message: [], ranking: [] });
    const idle = (names: readonly string[], ran: ReadonlySet<string>) =>
      names.filter((name) => name.startsWith('src/') && ![...ran].some((file) => isNamed(file, name)));
    expect({
      message: idle(named.message, message.ever),
      ranking: idle(named.ranking, ranking.ever),
    }).toEqual({ message: [], ranking: [] });
  });
});

describe('the folders in docs/ARCHITECTURE.md', () => {
  const SOURCE = /\.(tsx?|graphql|css|sh|c|js)$/;
  const sourceFolders = (top: string): readonly string[] => [
    ...new Set(
      readdirSync(top, { recursive: true, encoding: 'utf8' })
        .filter((path) => SOURCE.test(path) && !/__generated__|node_modules|\/dist\//.test(join(top, path)))
        .map((path) => dirname(join(top, path))),
    ),
  ];

  it('are all there, with their reason, and there is no other', () => {
    const listed = [...section('Folders').matchAll(/^\| (`[^|]*)\|/gm)].flatMap(([, cell = '']) =>
      [...cell.matchAll(/`([^`]+)`/g)].map(([, name = '']) => name),
    );
    expect(listed.filter((name) => !existsSync(name))).toEqual([]);
    const folders = ['schema', 'src', 'client'].flatMap(sourceFolders);
    const suites = readdirSync('tests', { withFileTypes: true })
      .filter((entry) => entry.isDirectory() && entry.name !== '__generated__')
      .map(({ name }) => `tests/${name}`);
    expect([...folders, ...suites].filter((name) => !listed.includes(name))).toEqual([]);
  });
});
