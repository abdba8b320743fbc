/** The capacity model of docs/SCALING.md: its tables, worked out from the reports in bench/results. */
import type { Report } from './report.js';

/** Of the benchmark `services`. */
export const SUBSCRIBERS = 1000;
export const INSTANCES = 2;

/** What the visitors do; see the text of the document. */
const VISITORS = [100_000, 1_000_000, 10_000_000];
const MEMBERS_PER_ROOM = 100;
const SECONDS_PER_MESSAGE = 60;
const SECONDS_IN_A_ROOM = 600;
/** Share of a core that may be in use. */
const LOAD = 0.6;

const US_PER_SECOND = 1e6;
const KB_PER_GB = 1024 ** 2;
const BYTES_PER_GB = 1024 ** 3;
const SECONDS_PER_DAY = 86_400;
const MOST_INSTANCES = 1e5;

/** Where the cost of one thing stands, and in which unit. */
interface Cost {
  readonly what: string;
  readonly unit: string;
  readonly value: number;
}

type Reports = (name: string) => Report | undefined;

const median = (reports: Reports, bench: string, contender: string, metric: string): number =>
  reports(bench)?.contenders[contender]?.[metric]?.median ?? Number.NaN;

function costsOf(reports: Reports) {
  const services = (metric: string): number => median(reports, 'services', 'two instances', metric);
  const rooms = (count: number): number => median(reports, 'services', `Redis, ${count} rooms`, 'tickUs');
  const publishing = (metric: string): number => median(reports, 'services', 'Redis, publishing', metric);
  const delivery = median(reports, 'fan-out', 'madang', 'single.cpuUsPerDelivery');
  const us = (what: string, value: number): Cost => ({ what, unit: 'µs', value });
  return {
    delivery: us('`d`: one delivery, in a room in which each message leaves alone', delivery),
    send: us(
      '`s`: one `sendMessage` over HTTP, stored in MongoDB, at most',
      (2 * US_PER_SECOND) / median(reports, 'writers', 'one instance', 'storedPerSecond'),
    ),
    embedded: us(
      'the same, stored in the process',
      median(reports, 'mutations', 'madang', 'cpuUsPerRequest'),
    ),
    foreign: us(
      '`f`: one message of another instance, before it is delivered, at most',
      median(reports, 'instances', 'madang, 2 instances', 'cpuUsPerForeignMessage') - delivery,
    ),
    join: us('`j`: one socket and its subscription', median(reports, 'idle', 'madang', 'joinCpuUs')),
    socket: {
      what: '`m`: memory of one idle socket with its subscription',
      unit: 'kB',
      value: median(reports, 'idle', 'madang', 'rssKb'),
    },
    redisSend: us('`rs`: Redis, per send (limits, the publish, the room)', services('send.redisCpuUs')),
    redisReceiver: us(
      '`rr`: Redis, per instance that receives a publish, when 50 come together',
      (publishing('publishTo20CpuUs') - publishing('publishTo1CpuUs')) / 19,
    ),
    redisJoin: us('`rj`: Redis, per socket and subscription', services('subscribe.redisCpuUs')),
    redisVisit: us('Redis, per `visitRoom`', services('visit.redisCpuUs')),
    redisOnline: us(
      '`ro`: Redis, per second and subscriber that is there',
      (services('second with subscribers.redisCpuUs') - services('second.redisCpuUs')) / SUBSCRIBERS,
    ),
    redisInstance: us(
      '`ri`: Redis, per second and instance, in a chat in which nothing happens',
      services('second.redisCpuUs') / INSTANCES,
    ),
    tick1000: us('Redis, one ranking of 1,000 rooms', rooms(1000)),
    tick10000: us('Redis, one ranking of 10,000 rooms', rooms(10_000)),
    tick100000: us('Redis, one ranking of 100,000 rooms', rooms(100_000)),
    storeSend: us('`ms`: the store server, per message', services('send.storeCpuUs')),
    document: {
      what: '`b`: one message as a document',
      unit: 'bytes',
      value: services('send.documentBytes'),
    },
  };
}

const short = (value: number): string =>
  Math.abs(value) >= 100 ? Math.round(value).toLocaleString('en') : String(Number(value.toPrecision(3)));
const row = (cells: readonly (string | number)[]): string =>
  `| ${cells.map((cell) => (typeof cell === 'number' ? short(cell) : cell)).join(' | ')} |`;

type Costs = ReturnType<typeof costsOf>;

/** Instances, and how many of them follow a room, which depends on their number. */
function instancesFor(visitors: number, spread: boolean, cost: Costs) {
  const sends = visitors / SECONDS_PER_MESSAGE;
  const joins = visitors / SECONDS_IN_A_ROOM;
  let following = 1;
  let cores = 0;
  for (let count = 1; count < MOST_INSTANCES; count += 1) {
    following = spread ? count * (1 - (1 - 1 / count) ** MEMBERS_PER_ROOM) : 1;
    const us =
      sends * (cost.send.value + (following - 1) * cost.foreign.value) +
      sends * MEMBERS_PER_ROOM * cost.delivery.value +
      joins * cost.join.value;
    cores = us / US_PER_SECOND;
    if (count * LOAD >= cores) return { count, following };
  }
  // More instances take in more foreign messages than they have cores for.
  return { count: Infinity, following };
}

function rowOf(visitors: number, spread: boolean, cost: Costs): string {
  const sends = visitors / SECONDS_PER_MESSAGE;
  const joins = visitors / SECONDS_IN_A_ROOM;
  const { count, following } = instancesFor(visitors, spread, cost);
  const receiving = (sends * following * cost.redisReceiver.value) / US_PER_SECOND;
  const counting =
    (sends * cost.redisSend.value +
      joins * cost.redisJoin.value +
      visitors * cost.redisOnline.value +
      count * cost.redisInstance.value) /
    US_PER_SECOND;
  return row([
    `10^${Math.log10(visitors)}`,
    spread ? 'anywhere' : 'by room',
    sends,
    sends * MEMBERS_PER_ROOM,
    count,
    following,
    (visitors * cost.socket.value) / KB_PER_GB,
    receiving,
    counting,
    (sends * cost.storeSend.value) / US_PER_SECOND,
    (sends * SECONDS_PER_DAY * cost.document.value) / BYTES_PER_GB,
  ]);
}

/** What stands between the marks of the document, by the name of the mark. */
export function capacityTables(reports: Reports): Readonly<Record<string, string>> {
  const cost = costsOf(reports);
  const unknown = Object.values(cost).filter(({ value }) => !Number.isFinite(value));
  if (unknown.length > 0) {
    throw new Error(`bench/results does not tell: ${unknown.map(({ what }) => what).join('; ')}`);
  }
  const costs = Object.values(cost).map(({ what, unit, value }) => row([what, `${short(value)} ${unit}`]));
  const head = [
    ...['visitors', 'members connect', 'sends/s', 'deliveries/s', 'instances', 'instances per room'],
    ...['GB of sockets', 'Redis cores: publishes', 'Redis cores: the rest', 'store cores', 'GB a day'],
  ];
  const rule = (columns: number): string => `|${'---|'.repeat(columns)}`;
  return {
    costs: [row(['what', 'cost']), rule(2), ...costs].join('\n'),
    capacity: [
      row(head),
      rule(head.length),
      ...VISITORS.flatMap((visitors) => [rowOf(visitors, true, cost), rowOf(visitors, false, cost)]),
    ].join('\n'),
  };
}
