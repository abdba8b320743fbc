import { get } from 'node:http';
import perfHooks from 'node:perf_hooks';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { type MetricsServer, startMetricsServer } from '../../../src/lib/metrics-server.js';
import { createMetrics } from '../../../src/lib/metrics.js';

/** Names that dashboards rely on. */
const NAMES = `chat_ws_connections chat_ws_connects_total chat_ws_closes_total chat_ws_operations_active
  chat_ws_frames_in_total chat_ws_outbound_bytes_total chat_send_total chat_send_ack_seconds
  chat_writer_batch_size chat_writer_conflicts_total chat_writer_unknown_outcomes_total chat_writer_queue
  chat_delivery_lag_seconds chat_feed_active chat_feed_gaps_total chat_feed_repairs_total
  chat_feed_repair_seconds chat_tail_check_found_total chat_bus_mode chat_bus_probe_seconds
  chat_bus_probe_failures_total chat_resume_total chat_resume_messages chat_presence_touch_seconds
  chat_presence_epoch_changes_total chat_ratelimit_rejected_total chat_auth_failures_total
  chat_limit_rejections_total chat_overload_state`.split(/\s+/);

const servers: MetricsServer[] = [];
const start = async (port = 0) => {
  const { registry } = createMetrics({ version: '1.2.3' });
  const server = await startMetricsServer({ host: '127.0.0.1', port, basePath: '/chat', registry });
  servers.push(server);
  return server;
};
/** The status of a path sent as it is, which no URL could hold. */
const statusOf = (url: string, path: string) =>
  new Promise<number | undefined>((resolve, reject) => {
    const { hostname, port } = new URL(url);
    get({ hostname, port, path }, (response) => resolve(response.resume().statusCode)).once('error', reject);
  });
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.stop()));
});

describe('createMetrics', () => {
  it('has every name from the start, each sample at 0', async () => {
    const text = await createMetrics({ version: '1.2.3' }).registry.metrics();
    const samples = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
    const of = (name: string) => samples.filter((line) => line.startsWith(name));
    expect(NAMES.filter((name) => of(name).length === 0)).toEqual([]);
    expect(NAMES.flatMap(of).filter((line) => !line.endsWith(' 0'))).toEqual([]);
    expect(text).toContain('chat_build_info{version="1.2.3"} 1');
    expect(text).toContain('nodejs_eventloop_lag_seconds');
  });

  it('keeps two servers in one process apart', async () => {
    const [one, two] = [createMetrics({ version: '1' }), createMetrics({ version: '2' })];
    one.writerConflicts.inc();
    expect(await one.registry.metrics()).toContain('chat_writer_conflicts_total 1');
    expect(await two.registry.metrics()).toContain('chat_writer_conflicts_total 0');
  });

  it('measures the process once, however many servers it has had', async () => {
    const first = createMetrics({ version: '1' });
    const watch = vi.spyOn(perfHooks, 'monitorEventLoopDelay');
    const second = createMetrics({ version: '2' });
    expect(watch).not.toHaveBeenCalled();
    watch.mockRestore();
    for (const { registry } of [first, second]) {
      expect(await registry.metrics()).toMatch(/^process_cpu_seconds_total [\d.]+$/m);
    }
  });
});

describe('startMetricsServer', () => {
  it('serves the metrics, and nothing else', async () => {
    const { url } = await start();
    const response = await fetch(url);
    expect(response.headers.get('content-type')).toContain('text/plain; version=0.0.4');
    expect(await response.text()).toContain('chat_ws_connections 0');
    expect((await fetch(new URL('/chat/metrics', url))).status).toBe(200);
    expect((await fetch(new URL('/', url))).status).toBe(404);
    expect(await statusOf(url, '//[')).toBe(404);
    expect((await fetch(url, { method: 'POST' })).status).toBe(404);
  });

  it('names the setting and the port when the port is in use', async () => {
    const { port } = new URL((await start()).url);
    await expect(start(Number(port))).rejects.toThrow(`METRICS_PORT: port ${port} on 127.0.0.1 is in use.`);
  });

  it('stops at once, twice if asked', async () => {
    const server = await start();
    await fetch(server.url);
    await server.stop();
    await server.stop();
    await expect(fetch(server.url)).rejects.toThrow(Error);
  });
});
