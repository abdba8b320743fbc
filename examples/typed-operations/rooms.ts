import { graphql } from './generated/index.js';
import type { TypedDocumentString } from './generated/graphql.js';

const url = `${process.env['MADANG_URL'] ?? 'http://localhost:8000'}/graphql`;

/** Variables and answer have the types of the operation. */
async function ask<Data, Variables>(
  document: TypedDocumentString<Data, Variables>,
  variables: Variables,
): Promise<Data> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ query: document.toString(), variables }),
  });
  const { data, errors } = (await response.json()) as { data?: Data; errors?: unknown };
  if (data === undefined || errors !== undefined) throw new Error(JSON.stringify(errors));
  return data;
}

const Rooms = graphql(`
  query Rooms($first: Int) {
    rooms(first: $first) {
      totalCount
      nodes {
        name
        recentVisitorCount
        latestMessage {
          text
          createdAt
        }
      }
    }
  }
`);

const { rooms } = await ask(Rooms, { first: 10 });
for (const { name, recentVisitorCount, latestMessage } of rooms?.nodes ?? []) {
  console.log(`${name}: ${recentVisitorCount} visitors, ${latestMessage?.text ?? 'no message yet'}`);
}
console.log('ok');
