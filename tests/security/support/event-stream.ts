import type { RequestOptions } from '../../testkit/graphql-client.ts';

/** One subscription as server-sent events. */
export interface EventStream {
  readonly status: number;
  readonly headers: Headers;
  /** How it ended: by an event that completes it, by the server's cutting it, or by `abort`. */
  readonly ended: Promise<'complete' | 'cut'>;
  /** What was received so far. */
  text(): string;
  abort(): void;
}

export async function openEvents(
  url: string,
  query: string,
  variables: Readonly<Record<string, unknown>>,
  { token, headers }: RequestOptions = {},
): Promise<EventStream> {
  const aborted = new AbortController();
  const response = await fetch(`${url}/graphql`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      accept: 'text/event-stream',
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...headers,
    },
    body: JSON.stringify({ query, variables }),
    signal: aborted.signal,
  });
  let received = '';
  const read = async (): Promise<'complete' | 'cut'> => {
    try {
      for await (const chunk of response.body!.pipeThrough(new TextDecoderStream())) received += chunk;
      return 'complete';
    } catch {
      return 'cut';
    }
  };
  return {
    status: response.status,
    headers: response.headers,
    ended: read(),
    text: () => received,
    abort: () => aborted.abort(),
  };
}
