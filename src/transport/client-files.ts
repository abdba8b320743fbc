import { existsSync, readFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { join } from 'node:path';
import sirv from 'sirv';
import { clientPolicy, PAGE_HEADERS } from './security-headers.js';

/** What the build names by its content never changes. */
const HASHED = /^\/assets\//;
const YEAR_SECONDS = 31_536_000;
const ROOTED = /\b(src|href)="(?:\.|\/client)\//g;

/**
 * The built web client: files by their path, its page for every other path without a dot, so that deep links
 * work.
 *
 * @param folder - where the build put it; nothing is served when it is not there.
 * @param prefix - the path under which the client lives.
 */
export function createClientFiles({ folder, prefix }: { folder: string; prefix: string }) {
  const indexFile = join(folder, 'index.html');
  if (!existsSync(indexFile)) return null;
  const page = readFileSync(indexFile, 'utf8').replaceAll(ROOTED, `$1="${prefix}/`);
  const files = sirv(folder, {
    etag: true,
    gzip: true,
    brotli: true,
    extensions: [],
    setHeaders(response, path) {
      for (const [name, value] of Object.entries(PAGE_HEADERS)) response.setHeader(name, value);
      const caching = HASHED.test(path) ? `public, max-age=${YEAR_SECONDS}, immutable` : 'no-cache';
      response.setHeader('cache-control', caching);
    },
  });

  function sendPage(request: IncomingMessage, response: ServerResponse): void {
    response.writeHead(200, {
      ...PAGE_HEADERS,
      'content-security-policy': clientPolicy(request.headers.host ?? 'localhost'),
      'content-type': 'text/html; charset=utf-8',
      'cache-control': 'no-cache',
    });
    response.end(request.method === 'HEAD' ? undefined : page);
  }

  /** Serves `path`, which begins with a slash and is relative to `prefix`; false when there is nothing there. */
  return (request: IncomingMessage, response: ServerResponse, path: string): void => {
    const isFile = path.lastIndexOf('.') > path.lastIndexOf('/') && path !== '/index.html';
    if (!isFile) return sendPage(request, response);
    request.url = path;
    files(request, response, () => {
      response.writeHead(404, { ...PAGE_HEADERS, 'content-type': 'text/plain; charset=utf-8' });
      response.end('There is no such file.\n');
    });
  };
}
