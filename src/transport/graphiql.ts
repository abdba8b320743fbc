import { createHash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { promisify } from 'node:util';
import { brotliCompress, constants, gunzip, gzip } from 'node:zlib';
import { openAnything } from '../lib/descriptors.js';
import { acceptsCoding } from './accept-coding.js';
import { etagOf } from './etag.js';
import { DEFAULT_TABS, FETCHER_SCRIPT } from './graphiql-script.js';
import { graphiqlPolicy, PAGE_HEADERS } from './security-headers.js';

/** Good enough for a page that is made once; the highest takes ten times as long. */
const BROTLI_QUALITY = 5;
const CACHE_SECONDS = 3600;
/** A tab that is focused by a press would jump away from under the pointer, and miss the click. */
const STYLE = '<style>.graphiql-tab { transform: none !important; }</style>';
const RENDER_CALL = 'YogaGraphiQL.renderYogaGraphiQL(';

interface Page {
  readonly brotli: Buffer;
  readonly gzip: Buffer;
  readonly etag: string;
  readonly scriptHash: string;
  /** The page itself, made when first asked for: made for each who asks, it would fill the memory. */
  plain: Promise<Buffer> | null;
}

/** Text that may stand inside a `script` element. */
const inScript = (value: unknown): string => JSON.stringify(value).replaceAll('<', '\\u003c');

async function makePage(): Promise<Page> {
  // Node remembers for ever what it could not load: without a file descriptor it is not to be tried.
  openAnything();
  // 9 MB of text, loaded when somebody first asks for it; its compressed forms are kept.
  const { renderGraphiQL } = await import('@graphql-yoga/render-graphiql');
  const html = renderGraphiQL({ title: 'Madang' }).replace('</head>', `${STYLE}</head>`);
  const start = html.indexOf('<script>') + '<script>'.length;
  const end = html.lastIndexOf('</script>');
  const call = html.lastIndexOf(RENDER_CALL, end);
  const options = `{ title: 'Madang', defaultTabs: ${inScript(DEFAULT_TABS)}, fetcher: ${FETCHER_SCRIPT} }`;
  const render = `${RENDER_CALL}document.querySelector('#root'), ${options});`;
  const script = html.slice(start, call) + render;
  const page = Buffer.from(html.slice(0, start) + script + html.slice(end));
  const quality = { params: { [constants.BROTLI_PARAM_QUALITY]: BROTLI_QUALITY } };
  const [zipped, brotli] = await Promise.all([
    promisify(gzip)(page),
    promisify(brotliCompress)(page, quality),
  ]);
  return {
    brotli,
    gzip: zipped,
    etag: etagOf(page),
    scriptHash: `sha256-${createHash('sha256').update(script).digest('base64')}`,
    plain: null,
  };
}

/** Serves GraphiQL from this origin alone: no request leaves it, and no other origin learns who reads. */
export function createGraphiql() {
  let made: Promise<Page> | null = null;

  function tryAgain(error: unknown): never {
    made = null;
    throw error;
  }

  return async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const page = await (made ??= makePage().catch(tryAgain));
    const headers = {
      ...PAGE_HEADERS,
      'content-security-policy': graphiqlPolicy(request.headers.host ?? 'localhost', page.scriptHash),
      'content-type': 'text/html; charset=utf-8',
      'cache-control': `public, max-age=${CACHE_SECONDS}`,
      etag: page.etag,
      vary: 'Accept, Accept-Encoding, Host',
    };
    if (request.headers['if-none-match'] === page.etag) {
      response.writeHead(304, headers).end();
      return;
    }
    const coding = request.headers['accept-encoding'];
    if (acceptsCoding(coding, 'br')) {
      response.writeHead(200, { ...headers, 'content-encoding': 'br' }).end(page.brotli);
    } else if (acceptsCoding(coding, 'gzip')) {
      response.writeHead(200, { ...headers, 'content-encoding': 'gzip' }).end(page.gzip);
    } else {
      response.writeHead(200, headers).end(await (page.plain ??= promisify(gunzip)(page.gzip)));
    }
  };
}
