import type { IncomingMessage } from 'node:http';

/** What stands before the path where the target of a request is a whole address, as proxies are sent it. */
const BEFORE_PATH = /^https?:\/\/([^/?#]*)/i;

/** The path that a request asks for, without its query string; empty where an address has none. */
export function pathOf({ url = '' }: IncomingMessage): string {
  const [path = ''] = url.replace(BEFORE_PATH, '').split('?', 1);
  return path;
}

/** Gives a request whose target is a whole address the target and the `Host` that it would have without (RFC 9112). */
export function toOriginForm(request: IncomingMessage): void {
  const { url = '' } = request;
  const match = BEFORE_PATH.exec(url);
  if (match === null) return;
  const [before, host] = match;
  const rest = url.slice(before.length);
  request.url = rest.startsWith('/') ? rest : `/${rest}`;
  request.headers.host = host;
}
