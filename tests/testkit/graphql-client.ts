import { Agent, request as httpRequest } from 'node:http';
import { setTimeout as wait } from 'node:timers/promises';

/** What a GraphQL request answered, whatever its status. */
export interface GraphqlAnswer<Data> {
  readonly status: number;
  readonly data: Data | null | undefined;
  readonly errors: readonly GraphqlProblem[];
}

export interface GraphqlProblem {
  readonly message: string;
  readonly path?: readonly (string | number)[];
  readonly extensions?: {
    readonly code?: string;
    readonly retryAfterMs?: number;
    readonly requestId?: string;
  };
}

export interface RequestOptions {
  readonly token?: string | undefined;
  readonly headers?: Readonly<Record<string, string>>;
  /** Longest wait for the answer. */
  readonly timeoutMs?: number;
}

const REQUEST_TIMEOUT_MS = 30_000;
/** The response map "must not contain any entries other than the three described" (GraphQL specification, 7.1). */
const RESPONSE_KEYS: readonly string[] = ['data', 'errors', 'extensions'];

/** `fetch` takes several times as long, and who makes the load shares the machine with the servers. */
const agent = new Agent({ keepAlive: true });

/** Sends a body and gives what was answered; rejects when that did not come in time, or not whole. */
function post(
  url: string,
  headers: Readonly<Record<string, string>>,
  body: string,
  timeoutMs: number,
): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const length = String(Buffer.byteLength(body));
    const sent = httpRequest(url, {
      method: 'POST',
      agent,
      headers: { ...headers, 'content-length': length },
    });
    const timer = setTimeout(() => sent.destroy(new Error(`no answer in ${timeoutMs} ms`)), timeoutMs);
    sent.once('close', () => clearTimeout(timer));
    sent.once('error', reject);
    sent.once('response', (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => (text += chunk));
      response.once('error', reject);
      response.once('end', () => resolve({ status: response.statusCode ?? 0, text }));
    });
    sent.end(body);
  });
}

/**
 * One GraphQL request over HTTP POST. `url` is the server's own, such as `http://127.0.0.1:8000`.
 *
 * @throws Error when there is no answer, or one that is not JSON, or not a response of GraphQL.
 */
export async function request<Data>(
  url: string,
  query: string,
  variables: Readonly<Record<string, unknown>> = {},
  options: RequestOptions = {},
): Promise<GraphqlAnswer<Data>> {
  const headers = {
    'content-type': 'application/json',
    accept: 'application/graphql-response+json, application/json;q=0.9',
    ...(options.token === undefined ? {} : { authorization: `Bearer ${options.token}` }),
    ...options.headers,
  };
  const { status, text } = await post(
    `${url}/graphql`,
    headers,
    JSON.stringify({ query, variables }),
    options.timeoutMs ?? REQUEST_TIMEOUT_MS,
  );
  let body: { data?: Data | null; errors?: readonly GraphqlProblem[] };
  try {
    body = JSON.parse(text) as typeof body;
  } catch {
    throw new Error(`${url} answered ${status} without JSON: ${text.slice(0, 500)}`);
  }
  const foreign = Object.keys(body).find((key) => !RESPONSE_KEYS.includes(key));
  if (foreign !== undefined) throw new Error(`${url} answered with a key of its own, ${foreign}`);
  return { status, data: body.data, errors: body.errors ?? [] };
}

/** How long `ask` repeats what a server that is too busy for newcomers refuses, in milliseconds. */
const PATIENCE_MS = 60_000;

/**
 * As `request`, for what must succeed: the data, or a failure that shows the whole answer. What an overloaded
 * server refuses is repeated when it says, as clients do.
 */
export async function ask<Data>(
  url: string,
  query: string,
  variables: Readonly<Record<string, unknown>> = {},
  options: RequestOptions = {},
): Promise<Data> {
  let answer = await request<Data>(url, query, variables, options);
  for (const until = Date.now() + PATIENCE_MS; Date.now() < until;) {
    const refused = answer.errors.find(({ extensions }) => extensions?.code === 'OVERLOADED');
    if (refused === undefined) break;
    await wait(refused.extensions?.retryAfterMs ?? 1000);
    answer = await request<Data>(url, query, variables, options);
  }
  if (answer.errors.length > 0 || answer.data === null || answer.data === undefined) {
    // Its first line is what tables of faults tell.
    const codes = answer.errors.map(({ extensions }) => extensions?.code ?? 'no code').join(' ');
    throw new Error(
      `Refused: ${codes}\n${query}\n${JSON.stringify(variables)}\n${JSON.stringify(answer, undefined, 2)}`,
    );
  }
  return answer.data;
}
