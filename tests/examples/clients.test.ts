import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { useServer } from '../api/world.js';
import { converse, finish, installed, tool, withNpm } from './kit.js';

describe('clients of others hold a whole conversation, through cut connections', () => {
  const chat = useServer('embedded');

  async function expectConversation(command: string, args: readonly string[], folder: string): Promise<void> {
    const told = await converse(chat.url, command, args, folder);
    expect(told.output).toMatch(/^ok$/m);
    expect(told.code).toBe(0);
    expect(told.open).toBeGreaterThan(0);
    expect(told.texts).toEqual(told.expected);
  }

  it.each(['typescript-graphql-ws', 'typescript-urql', 'typescript-apollo'])('%s', async (name) => {
    await expectConversation('npm', ['start', '--silent'], await withNpm(name));
  });

  it('python, with gql', async () => {
    const folder = await installed('python', async (at) => {
      await finish(tool('python3'), ['-m', 'venv', 'venv'], at);
      await finish('venv/bin/pip', ['install', '--quiet', '--requirement', 'requirements.txt'], at);
    });
    await expectConversation('venv/bin/python', ['chat.py'], folder);
  });

  it('go, with genqlient, from the schema alone', async () => {
    const go = tool('go');
    const folder = await installed('go', async (at) => {
      const schema = await fetch(`${chat.url}/schema.graphql`);
      await writeFile(join(at, 'schema.graphql'), await schema.text());
      await finish(go, ['generate'], at);
      await finish(go, ['build', '-o', 'chat', '.'], at);
    });
    await expectConversation('./chat', [], folder);
  });

  it('java, with the client of SmallRye', async () => {
    const folder = await installed('java', async (at) => {
      const download = ['dependency:copy-dependencies', '-DoutputDirectory=lib'];
      await finish(tool('mvn'), ['--batch-mode', '--quiet', ...download], at);
      await finish(tool('javac'), ['-cp', 'lib/*', 'Chat.java', 'Madang.java'], at);
    });
    await expectConversation(tool('java'), ['-cp', 'lib/*:.', 'Chat'], folder);
  });

  it('curl, with server-sent events', async () => {
    tool('jq');
    await expectConversation(tool('bash'), ['chat.sh'], 'examples/curl');
  });
});
