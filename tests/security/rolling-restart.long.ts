import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { startCluster } from '../testkit/cluster.ts';
import { expectFlawless, startConversation } from '../testkit/faults/conversation.ts';
import type { ServerChild } from '../testkit/server-child.ts';
import { report } from './support/table.ts';

const WAIT = { timeout: 30_000, interval: 50 };
const DELAY_MS = 2000;
const WINDOW_MS = 5000;
const EXIT_WITHIN_MS = 25_000;
/** The busiest second of closes, at most so many times the mean of its window. */
const BUSIEST = 2;

interface Line {
  readonly time: number | string;
  readonly msg: string;
  readonly code?: number;
  readonly sockets?: number;
  readonly passedMs?: number;
}

/** The log of one process, without what it wrote before it was told to stop. */
function drainLog(server: ServerChild, from: number): readonly Line[] {
  return server
    .output()
    .slice(from)
    .split('\n')
    .flatMap((line) => (line.startsWith('{') ? [JSON.parse(line) as Line] : []));
}

let restarts = 0;
let acked = 0;
let busiest = 0;
let slowestMs = 0;
report('D10', () => ({
  tried: restarts,
  of: 'rolling restarts over 3 instances under load',
  result: `0 lost of ${acked}; exit 0 within ${(slowestMs / 1000).toFixed(1)} s; busiest second ${busiest.toFixed(1)} x the mean`,
}));

describe('D10 a rolling restart of three instances', () => {
  // The scenario R21 of the faults holds it for three rounds; here is its log, to be read.
  it('loses nothing, and closes are spread over the window', async () => {
    const cluster = await startCluster('distributed', {
      instances: 3,
      env: { DRAIN_DELAY_MS: String(DELAY_MS), DRAIN_WINDOW_MS: String(WINDOW_MS) },
    });
    onTestFinished(() => cluster.close());
    const conversation = await startConversation({
      targets: cluster.targets,
      rooms: 10,
      followers: 120,
      senders: 20,
      perSecond: 60,
    });
    for (const [index, server] of cluster.instances.entries()) {
      const before = conversation.acked();
      await vi.waitFor(() => expect(conversation.acked()).toBeGreaterThan(before + 100), WAIT);
      const from = server.output().length;
      const told = performance.now();
      expect(await server.stop()).toEqual({ code: 0, signal: null });
      slowestMs = Math.max(slowestMs, performance.now() - told);
      const lines = drainLog(server, from);
      const first = new Date(lines[0]?.time ?? 0).getTime();
      const second = ({ time }: Line) => Math.floor((new Date(time).getTime() - first) / 1000);
      const closes = lines.filter(({ msg, code }) => msg === 'A socket ended' && code === 1012);
      const perSecond = new Map<number, number>();
      for (const line of closes) perSecond.set(second(line), (perSecond.get(second(line)) ?? 0) + 1);
      const mean = closes.length / (WINDOW_MS / 1000);
      busiest = Math.max(busiest, Math.max(...perSecond.values()) / mean);
      const shown = lines
        .filter(({ msg }) => msg !== 'A socket ended')
        .map(({ time, msg, sockets }) => {
          const at = ((new Date(time).getTime() - first) / 1000).toFixed(2).padStart(6);
          return `  ${at} s  ${msg}${sockets === undefined ? '' : ` (${sockets} sockets)`}`;
        });
      const spread = [...perSecond].map(([at, count]) => `${at} s: ${count}`).join(', ');
      console.log(
        [
          `instance ${index + 1}: SIGTERM`,
          ...shown,
          `  1012 per second: ${spread}`,
          `  exit 0 after ${((performance.now() - told) / 1000).toFixed(2)} s`,
        ].join('\n'),
      );
      expect(closes.length).toBeGreaterThan(0);
      await server.restart();
      restarts += 1;
    }
    const outcome = await conversation.finish();
    acked = outcome.acked;
    console.log(
      `${outcome.acked} acknowledged, ${outcome.delivered} delivered, ${outcome.violations.length} violations, ` +
        `${outcome.reconnects} reconnects, ${outcome.retries} sends tried again, ` +
        `longest pause ${Math.round(Math.max(...outcome.pauseMs))} ms`,
    );
    expectFlawless(outcome, conversation.history);
    expect(slowestMs).toBeLessThanOrEqual(EXIT_WITHIN_MS);
    expect(busiest).toBeLessThanOrEqual(BUSIEST);
  });
});
