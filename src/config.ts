import { z } from 'zod';
import type { ApiProfile } from './graphql/document.js';
import { isReadByDriver } from './lib/redis-url.js';
import { LONGEST_ROOM_NAME } from './rooms/room-store.js';

/** Everything that can be set, checked and with its unit in the name. */
export interface Config {
  readonly http: { readonly port: number; readonly host: string; readonly basePath: string };
  readonly mode: 'embedded' | 'distributed';
  readonly dataDir: string;
  /** Null in embedded mode. */
  readonly mongodbUrl: string | null;
  /** One URL, or the seeds of a cluster. Empty: presence and pub/sub in process. */
  readonly redisUrls: readonly string[];
  readonly redisPrefix: string;
  readonly auth: {
    /** `kid:base64url`, the first signs; null: taken from the file, or made (embedded). */
    readonly keys: readonly AuthKey[] | null;
    readonly keysFile: string | null;
    readonly tokenLifetimeSeconds: number;
  };
  /** Exact origins; null allows any. */
  readonly allowedOrigins: readonly string[] | null;
  readonly trustProxyHops: number;
  readonly recentVisitWindowSeconds: number;
  readonly rankingIntervalMs: number;
  readonly maxReplayedMessages: number;
  readonly maxMessageLength: number;
  readonly maxRoomNameLength: number;
  readonly maxDisplayNameLength: number;
  /** Multiplies every rate; null turns them off. */
  readonly rateLimitFactor: number | null;
  readonly maxSockets: number;
  readonly maxSocketsPerAddress: number;
  readonly maxOperationsPerSocket: number;
  readonly apiProfile: ApiProfile;
  readonly metricsPort: number | null;
  readonly logLevel: 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'silent';
  /** Null: pretty on a terminal, else JSON. */
  readonly logFormat: 'pretty' | 'json' | null;
  readonly drainDelayMs: number;
  readonly drainWindowMs: number;
}

export interface AuthKey {
  readonly kid: string;
  readonly secret: Uint8Array;
}

/** Shortest key that signs: 256 bits, as HS256 asks for (RFC 7518, 3.2). */
export const MIN_KEY_BYTES = 32;

/** Every problem of a configuration, one line each, each naming its variable. */
export class ConfigError extends Error {
  readonly problems: readonly string[];
  constructor(problems: readonly string[]) {
    super(problems.join('\n'));
    this.name = 'ConfigError';
    this.problems = problems;
  }
}

const text = z.string().transform((value) => value.trim());
const integer = (minimum: number, maximum: number) =>
  text
    .refine((value) => /^\d{1,15}$/.test(value), { message: 'must be a whole number', abort: true })
    .transform(Number)
    .refine((value) => value >= minimum && value <= maximum, `must be from ${minimum} to ${maximum}`);
const oneOf = <const T extends string>(...values: T[]) =>
  text.pipe(z.enum(values, { error: `must be one of ${values.join(', ')}` }));
const url = (...protocols: string[]) =>
  text.refine(
    (value) => URL.canParse(value) && protocols.includes(new URL(value).protocol),
    `must be a URL that begins with ${protocols.join('// or ')}//`,
  );
const redisUrl = url('redis:', 'rediss:').refine(
  (value) => !URL.canParse(value) || isReadByDriver(new URL(value)),
  'must have %25 for a percent sign in a user or password, and nothing behind its host but the number of a database',
);
/** Several hosts, each with its port, make no URL that the platform can read: the driver reads it. */
const mongodbUrl = text.refine(
  (value) => /^mongodb(\+srv)?:\/\/[^/\s]+(\/\S*)?$/.test(value),
  'must be a URL that begins with mongodb:// or mongodb+srv://',
);

const DAY_SECONDS = 86_400;
const HOUR_MS = 3_600_000;
const MAX_PORT = 65_535;
/** Every rate times this is still a whole number that can be counted to, also by Redis. */
const MAX_RATE_FACTOR = 1_000_000_000;

/** An asterisk within one would match nothing, since they are compared as they are. */
const origin = text.refine(
  (value) => URL.canParse(value) && new URL(value).origin === value && !value.includes('*'),
  'must be * or exact origins such as https://chat.example.com, separated by commas',
);
const list = (value: string): string[] => value.split(/[,\n]/).flatMap((part) => part.trim() || []);

const basePath = text
  .transform((value) => value.replace(/\/+$/, ''))
  .refine((value) => /^(\/(?!\.{1,2}(\/|$))[A-Za-z0-9._~-]+)*$/.test(value), 'must be a path such as /chat');

const settings = z.object({
  PORT: integer(0, MAX_PORT).default(8000),
  HOST: text.pipe(z.string().min(1, 'must not be empty')).default('127.0.0.1'),
  BASE_PATH: basePath.default(''),
  DATA_DIR: text.pipe(z.string().min(1, 'must not be empty')).default('./data'),
  MONGODB_URL: mongodbUrl.optional(),
  REDIS_URL: text.transform(list).pipe(z.array(redisUrl).min(1, 'must name a URL')).optional(),
  REDIS_PREFIX: text
    .refine(
      (value) => /^[A-Za-z0-9_.-]{1,64}$/.test(value),
      'must be 1 to 64 letters, digits, dots, dashes or underscores',
    )
    .default('madang'),
  AUTH_KEYS: text.optional(),
  AUTH_KEYS_FILE: text.pipe(z.string().min(1, 'must not be empty')).optional(),
  TOKEN_LIFETIME_SECONDS: integer(1, 3650 * DAY_SECONDS).default(30 * DAY_SECONDS),
  ALLOWED_ORIGINS: text
    .transform((value) => (value === '*' ? null : list(value)))
    .pipe(z.nullable(z.array(origin).min(1, 'must name an origin, or be *')))
    .default(null),
  TRUST_PROXY_HOPS: integer(0, 16).default(0),
  RECENT_VISIT_WINDOW_SECONDS: integer(1, 7 * DAY_SECONDS).default(1800),
  RANKING_INTERVAL_MS: integer(50, HOUR_MS).default(1000),
  MAX_REPLAYED_MESSAGES: integer(1, 100_000).default(1000),
  MAX_MESSAGE_LENGTH: integer(1, 4000).default(2000),
  MAX_ROOM_NAME_LENGTH: integer(1, LONGEST_ROOM_NAME).default(80),
  MAX_DISPLAY_NAME_LENGTH: integer(1, 200).default(40),
  RATE_LIMITS: text
    .refine(
      (value) => value === 'on' || value === 'off' || (Number(value) > 0 && Number(value) <= MAX_RATE_FACTOR),
      `must be on, off, or a factor such as 1000, at most ${MAX_RATE_FACTOR}`,
    )
    .transform((value) => (value === 'on' ? 1 : value === 'off' ? null : Number(value)))
    .default(1),
  MAX_SOCKETS: integer(1, 1_000_000).default(5000),
  MAX_SOCKETS_PER_ADDRESS: integer(1, 1_000_000).default(50),
  MAX_OPERATIONS_PER_SOCKET: integer(1, 10_000).default(50),
  API_PROFILE: oneOf('public', 'hardened').default('public'),
  METRICS_PORT: integer(0, MAX_PORT).optional(),
  LOG_LEVEL: oneOf('trace', 'debug', 'info', 'warn', 'error', 'silent').default('info'),
  LOG_FORMAT: oneOf('pretty', 'json').optional(),
  DRAIN_DELAY_MS: integer(0, 120_000).optional(),
  DRAIN_WINDOW_MS: integer(0, 120_000).optional(),
});

/** A path as `BASE_PATH` takes it, with or without its final slash. Throws ConfigError that names `variable`. */
export function parseBasePath(variable: string, value: string): string {
  const { data, error } = basePath.safeParse(value);
  if (data === undefined) throw new ConfigError([`${variable} ${error.issues[0]?.message}`]);
  return data;
}

/**
 * Reads `kid:base64url` pairs, separated by commas or lines.
 *
 * @throws ConfigError that names `variable` and never shows a key.
 */
export function parseAuthKeys(variable: string, value: string): readonly AuthKey[] {
  const problems: string[] = [];
  const keys = list(value).map((entry, index) => {
    const [kid = '', encoded = '', ...more] = entry.split(':');
    const secret = Buffer.from(encoded, 'base64url');
    const at = `${variable}: key ${index + 1}`;
    if (!/^[A-Za-z0-9_.-]{1,64}$/.test(kid) || !/^[A-Za-z0-9_-]+=*$/.test(encoded) || more.length > 0) {
      problems.push(`${at} must be written kid:base64url`);
    } else if (secret.length < MIN_KEY_BYTES) {
      problems.push(`${at} has ${secret.length} bytes, ${MIN_KEY_BYTES} are needed; "madang key" makes one`);
    }
    return { kid, secret: new Uint8Array(secret) };
  });
  if (keys.length === 0) problems.push(`${variable} holds no key; "madang key" makes one`);
  if (new Set(keys.map((key) => key.kid)).size < keys.length) problems.push(`${variable} names a kid twice`);
  if (problems.length > 0) throw new ConfigError(problems);
  return keys;
}

/**
 * Turns environment variables into a configuration. Pure: reads no file and no clock. An empty variable counts
 * as absent.
 *
 * @throws ConfigError with every problem at once.
 */
export function loadConfig(env: Readonly<Record<string, string | undefined>>): Config {
  const given = Object.fromEntries(
    Object.entries(env).filter(([, value]) => value !== undefined && value.trim() !== ''),
  );
  const parsed = settings.safeParse(given);
  const problems = parsed.success
    ? []
    : parsed.error.issues.map((issue) => `${String(issue.path[0])} ${issue.message}`);
  const value = parsed.data;
  let keys: readonly AuthKey[] | null = null;
  if (given['AUTH_KEYS'] !== undefined) {
    try {
      keys = parseAuthKeys('AUTH_KEYS', given['AUTH_KEYS']);
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      problems.push(...error.problems);
    }
  }
  const distributed = given['MONGODB_URL'] !== undefined;
  if (given['REDIS_URL'] !== undefined && !distributed) {
    problems.push(
      'REDIS_URL needs MONGODB_URL: Redis carries events between instances that share one store. Set both, or neither',
    );
  }
  if (given['AUTH_KEYS'] !== undefined && given['AUTH_KEYS_FILE'] !== undefined) {
    problems.push('AUTH_KEYS and AUTH_KEYS_FILE are both set; keep one');
  }
  if (distributed && given['AUTH_KEYS'] === undefined && given['AUTH_KEYS_FILE'] === undefined) {
    problems.push('AUTH_KEYS or AUTH_KEYS_FILE is required with MONGODB_URL; "madang key" makes a key');
  }
  if (value !== undefined && value.PORT !== 0 && value.PORT === value.METRICS_PORT) {
    problems.push('METRICS_PORT must be another one than PORT');
  }
  if (problems.length > 0 || value === undefined) throw new ConfigError(problems);
  return {
    http: { port: value.PORT, host: value.HOST, basePath: value.BASE_PATH },
    mode: distributed ? 'distributed' : 'embedded',
    dataDir: value.DATA_DIR,
    mongodbUrl: value.MONGODB_URL ?? null,
    redisUrls: value.REDIS_URL ?? [],
    redisPrefix: value.REDIS_PREFIX,
    auth: {
      keys,
      keysFile: value.AUTH_KEYS_FILE ?? null,
      tokenLifetimeSeconds: value.TOKEN_LIFETIME_SECONDS,
    },
    allowedOrigins: value.ALLOWED_ORIGINS,
    trustProxyHops: value.TRUST_PROXY_HOPS,
    recentVisitWindowSeconds: value.RECENT_VISIT_WINDOW_SECONDS,
    rankingIntervalMs: value.RANKING_INTERVAL_MS,
    maxReplayedMessages: value.MAX_REPLAYED_MESSAGES,
    maxMessageLength: value.MAX_MESSAGE_LENGTH,
    maxRoomNameLength: value.MAX_ROOM_NAME_LENGTH,
    maxDisplayNameLength: value.MAX_DISPLAY_NAME_LENGTH,
    rateLimitFactor: value.RATE_LIMITS,
    maxSockets: value.MAX_SOCKETS,
    maxSocketsPerAddress: value.MAX_SOCKETS_PER_ADDRESS,
    maxOperationsPerSocket: value.MAX_OPERATIONS_PER_SOCKET,
    apiProfile: value.API_PROFILE,
    metricsPort: value.METRICS_PORT ?? null,
    logLevel: value.LOG_LEVEL,
    logFormat: value.LOG_FORMAT ?? null,
    drainDelayMs: value.DRAIN_DELAY_MS ?? (distributed ? 5000 : 0),
    drainWindowMs: value.DRAIN_WINDOW_MS ?? (distributed ? 10_000 : 0),
  };
}
