import { existsSync, readdirSync, readFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { extname, join, relative, sep } from 'node:path';
import { gzipSync } from 'node:zlib';
import { acceptsCoding } from './accept-coding.js';
import { etagOf } from './etag.js';
import { clientPolicy, PAGE_HEADERS } from './security-headers.js';

/** What the build names by its content never changes. */
const HASHED = /^\/assets\//;
const YEAR_SECONDS = 31_536_000;
const ROOTED = /\b(src|href)="(?:\.|\/client)\//g;
const PAGE = '/index.html';
/** Serves the client's own address too, which has no slash at its end, so it lies above this file. */
const WORKER = '/service-worker.js';

const TYPES: Readonly<Record<string, string>> = {
  '.css': 'text/css; charset=utf-8',
  '.html': 'text/html; charset=utf-8',
  '.ico': 'image/x-icon',
  '.js': 'text/javascript; charset=utf-8',
  '.json': 'application/json; charset=utf-8',
  '.map': 'application/json; charset=utf-8',
  '.png': 'image/png',
  '.svg': 'image/svg+xml',
  '.txt': 'text/plain; charset=utf-8',
  '.webmanifest': 'application/manifest+json',
  '.woff2': 'font/woff2',
};
const COMPRESSED_ALREADY = new Set(['.ico', '.png', '.woff2']);

interface File {
  readonly body: Buffer;
  readonly etag: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Made when first asked for. */
  zipped: Buffer | null;
  readonly compressible: boolean;
}

function toFile(path: string, body: Buffer, prefix: string): File {
  const extension = extname(path);
  const etag = etagOf(body);
  const caching = HASHED.test(path) ? `public, max-age=${YEAR_SECONDS}, immutable` : 'no-cache';
  return {
    body,
    etag,
    headers: {
      ...PAGE_HEADERS,
      'content-type': TYPES[extension] ?? 'application/octet-stream',
      'cache-control': caching,
      etag,
      vary: 'Accept-Encoding',
      ...(path === WORKER ? { 'service-worker-allowed': prefix } : {}),
    },
    zipped: null,
    compressible: !COMPRESSED_ALREADY.has(extension),
  };
}

/**
 * The built web client, from memory: its files by their path, its page for every other path without a dot, so
 * that deep links work.
 *
 * @param folder - where the build put it; null is returned when it is not there.
 * @param prefix - the path under which the client lives.
 */
export function createClientFiles({ folder, prefix }: { folder: string; prefix: string }) {
  if (!existsSync(join(folder, PAGE))) return null;
  const files = new Map<string, File>();
  for (const entry of readdirSync(folder, { withFileTypes: true, recursive: true })) {
    if (!entry.isFile()) continue;
    const file = join(entry.parentPath, entry.name);
    const path = `/${relative(folder, file).split(sep).join('/')}`;
    const body = readFileSync(file);
    const page = () => Buffer.from(body.toString().replaceAll(ROOTED, `$1="${prefix}/`));
    files.set(path, toFile(path, path === PAGE ? page() : body, prefix));
  }

  /** Answers a GET or HEAD of `path`, which is relative to `prefix`. */
  return (request: IncomingMessage, response: ServerResponse, path: string): void => {
    const named = path.lastIndexOf('.') > path.lastIndexOf('/') && path !== PAGE;
    const file = files.get(named ? path : PAGE);
    if (file === undefined) {
      const type = { 'content-type': 'text/plain; charset=utf-8' };
      // Another instance, of a newer version, may have it.
      response.writeHead(404, { ...PAGE_HEADERS, ...type, 'cache-control': 'no-store' });
      response.end('There is no such file.\n');
      return;
    }
    const policy = named
      ? {}
      : { 'content-security-policy': clientPolicy(request.headers.host ?? 'localhost') };
    const headers = { ...file.headers, ...policy };
    if (request.headers['if-none-match'] === file.etag) {
      response.writeHead(304, headers).end();
      return;
    }
    const zip = file.compressible && acceptsCoding(request.headers['accept-encoding'], 'gzip');
    const body = zip ? (file.zipped ??= gzipSync(file.body)) : file.body;
    const coding = zip ? { 'content-encoding': 'gzip' } : {};
    response.writeHead(200, { ...headers, ...coding, 'content-length': body.length });
    response.end(request.method === 'HEAD' ? undefined : body);
  };
}
