import { type Server, createServer } from 'node:http';
import type { Registry } from 'prom-client';
import { hostInUrl } from './address.js';
import { StartError } from './start-error.js';

const HEADERS_TIMEOUT_MS = 5000;

export interface MetricsServer {
  /** Where Prometheus finds the metrics; names the port that was picked when 0 was asked for. */
  readonly url: string;
  /** Ends at once, open connections included. Twice does nothing. */
  stop(): Promise<void>;
}

/**
 * Serves `GET /metrics` in Prometheus' text format on a port of its own, so that it is never public by accident; below
 * `basePath`, too.
 *
 * @throws StartError that names `METRICS_PORT` when the port cannot be had.
 */
export async function startMetricsServer(options: {
  host: string;
  port: number;
  /** Empty, or a path that begins with a slash and ends without one. */
  basePath: string;
  registry: Registry;
}): Promise<MetricsServer> {
  const { host, port, basePath, registry } = options;
  const server = createServer({ headersTimeout: HEADERS_TIMEOUT_MS }, (request, response) => {
    response.setHeader('X-Content-Type-Options', 'nosniff');
    const [path] = (request.url ?? '').split('?', 1);
    const isHere = path === '/metrics' || path === `${basePath}/metrics`;
    if (!isHere || (request.method !== 'GET' && request.method !== 'HEAD')) {
      response.writeHead(404, { 'Content-Type': 'text/plain' }).end('Metrics are at /metrics.\n');
      return;
    }
    registry.metrics().then(
      (text) => response.writeHead(200, { 'Content-Type': registry.contentType }).end(text),
      () => response.writeHead(500, { 'Content-Type': 'text/plain' }).end('The metrics cannot be read.\n'),
    );
  });
  await listen(server, host, port);
  const bound = server.address();
  const taken = typeof bound === 'object' && bound !== null ? bound.port : port;
  return {
    url: `http://${hostInUrl(host)}:${taken}/metrics`,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (error: NodeJS.ErrnoException): void => {
      const reason =
        error.code === 'EADDRINUSE' ? 'is in use' : `cannot be used (${error.code ?? error.message})`;
      reject(new StartError(`METRICS_PORT: port ${port} on ${host} ${reason}.`, { cause: error }));
    };
    server.once('error', fail);
    server.listen(port, host, () => {
      server.off('error', fail);
      resolve();
    });
  });
}
