/**
 * Puts measured figures into docs/PERFORMANCE.md, as tables and plots, and what follows from them into
 * docs/SCALING.md:
 *
 *     npm run bench -- NAME --json bench/results/NAME.json
 *     npm run bench:publish
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { capacityTables } from './lib/capacity.js';
import { barsOf, tablesOf, type Plot } from './lib/plot.js';
import type { Report } from './lib/report.js';

/** Every benchmark with its picture; null where there is nobody to compare with. */
const PLOTS: Readonly<Record<string, Plot | null>> = {
  client: null,
  'fan-out': {
    title: 'One room of 1,000: deliveries a second, closed loop',
    metric: 'closed.deliveriesPerSecond',
  },
  centrifuge: {
    title: 'One room of 1,000, 1,000 messages a second: deliveries a second',
    metric: 'at1000.deliveriesPerSecond',
  },
  'small-rooms': { title: 'Rooms of ten: CPU µs per delivery', metric: '10.cpuUsPerDelivery' },
  mutations: { title: 'sendMessage over HTTP: CPU µs per request', metric: 'cpuUsPerRequest' },
  idle: { title: '5,000 subscribed sockets: KB of resident memory each', metric: 'rssKb' },
  ranking: { title: 'First page of the list of rooms: reads a second', metric: 'readsPerSecond' },
  embedded: { title: 'Messages stored a second', metric: 'storedPerSecond' },
  'hot-room': { title: 'HTTP p99 in ms beside a room of 5,000', metric: 'httpP99Ms' },
  writers: { title: 'One room, messages stored a second', metric: 'storedPerSecond' },
  instances: { title: 'One room of 1,000: deliveries a second, closed loop', metric: 'deliveriesPerSecond' },
  pipeline: {
    title: 'sendMessage over HTTP, with and without what protects and watches it: a second',
    metric: 'mutationsPerSecond',
  },
  services: null,
  stalled: null,
};

const path = (name: string): string => fileURLToPath(new URL(`../${name}`, import.meta.url));

function reportOf(name: string): Report | undefined {
  const file = path(`bench/results/${name}.json`);
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Report) : undefined;
}

/** Puts each text between its marks. */
function fill(document: string, texts: Readonly<Record<string, string>>): void {
  let text = readFileSync(path(document), 'utf8');
  for (const [name, between] of Object.entries(texts)) {
    const section = new RegExp(`(<!-- ${name} -->)[^]*?(<!-- end -->)`);
    text = text.replace(section, (_match, begin: string, end: string) => `${begin}\n\n${between}\n\n${end}`);
  }
  writeFileSync(path(document), text);
}

const sections: Record<string, string> = {};
for (const [name, plot] of Object.entries(PLOTS)) {
  const report = reportOf(name);
  if (report === undefined) continue;
  if (plot !== null) writeFileSync(path(`docs/performance/${name}.svg`), barsOf(report, plot));
  const picture = plot === null ? '' : `![${plot.title}](performance/${name}.svg)\n\n`;
  sections[name] = `${picture}${tablesOf(report)}`;
}
fill('docs/PERFORMANCE.md', sections);
fill('docs/SCALING.md', capacityTables(reportOf));
