import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { useServer } from '../api/world.js';
import { converse, finish, installed, needing, QUIET, WHOLE, withNpm } from './kit.js';

/** Asks twice with Apollo's link that sends the hashes of queries first, once with each method. */
const HASHED = `
  import { createHash } from 'node:crypto';
  import { ApolloClient, gql, HttpLink, InMemoryCache } from '@apollo/client';
  import { PersistedQueryLink } from '@apollo/client/link/persisted-queries';
  const sha256 = (text) => createHash('sha256').update(text).digest('hex');
  for (const useGETForHashedQueries of [false, true]) {
    const hashed = new PersistedQueryLink({ sha256, useGETForHashedQueries });
    const link = hashed.concat(new HttpLink({ uri: process.env.MADANG_URL + '/graphql' }));
    const client = new ApolloClient({ link, cache: new InMemoryCache() });
    const { data } = await client.query({ query: gql('{ rooms(first: 1) { pageInfo { hasNextPage } } }') });
    if (data.rooms.pageInfo === undefined) throw new Error(JSON.stringify(data));
  }
`;

describe('clients of others hold a whole conversation, through cut connections', () => {
  const chat = useServer('embedded');

  /** The schema as a third party gets it. */
  async function writeSchema(folder: string): Promise<void> {
    const schema = await fetch(`${chat.url}/schema.graphql`);
    await writeFile(join(folder, 'schema.graphql'), await schema.text());
  }

  it.each(['typescript-graphql-ws', 'typescript-urql', 'typescript-apollo'])('%s', async (name) => {
    expect(await converse(chat.url, 'npm', ['start', '--silent'], await withNpm(name))).toEqual(WHOLE);
  });

  it('typescript-apollo, whose link for persisted queries sends them whole', async () => {
    const folder = await withNpm('typescript-apollo');
    const args = ['--input-type=module', '--eval', HASHED];
    const asked = finish(process.execPath, args, folder, { MADANG_URL: chat.url });
    await expect(asked).resolves.toBeUndefined();
  });

  it('typescript-relay, compiled from the schema alone', async () => {
    const folder = await installed('typescript-relay', async (at) => {
      await writeSchema(at);
      await finish('npm', ['install', ...QUIET], at);
      await finish('npm', ['run', '--silent', 'compile'], at);
      await finish('npm', ['run', '--silent', 'typecheck'], at);
    });
    expect(await converse(chat.url, 'npm', ['start', '--silent'], folder)).toEqual(WHOLE);
  });

  it(
    'python, with gql',
    needing(['python3'], async ([python]) => {
      const folder = await installed('python', async (at) => {
        await finish(python, ['-m', 'venv', 'venv'], at);
        await finish('venv/bin/pip', ['install', '--quiet', '--requirement', 'requirements.txt'], at);
      });
      expect(await converse(chat.url, 'venv/bin/python', ['chat.py'], folder)).toEqual(WHOLE);
    }),
  );

  it(
    'go, with genqlient, from the schema alone',
    needing(['go'], async ([go]) => {
      const folder = await installed('go', async (at) => {
        await writeSchema(at);
        await finish(go, ['generate'], at);
        await finish(go, ['build', '-o', 'chat', '.'], at);
      });
      expect(await converse(chat.url, './chat', [], folder)).toEqual(WHOLE);
    }),
  );

  it(
    'java, with the client of SmallRye',
    needing(['mvn', 'javac', 'java'], async ([mvn, javac, java]) => {
      const folder = await installed('java', async (at) => {
        const download = ['dependency:copy-dependencies', '-DoutputDirectory=lib'];
        await finish(mvn, ['--batch-mode', '--quiet', ...download], at);
        await finish(javac, ['-cp', 'lib/*', 'Chat.java', 'Madang.java'], at);
      });
      expect(await converse(chat.url, java, ['-cp', 'lib/*:.', 'Chat'], folder)).toEqual(WHOLE);
    }),
  );

  it(
    'curl, with server-sent events',
    needing(['bash', 'curl', 'jq'], async ([bash]) => {
      expect(await converse(chat.url, bash, ['chat.sh'], 'examples/curl')).toEqual(WHOLE);
    }),
  );
});
