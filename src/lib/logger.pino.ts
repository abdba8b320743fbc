import { stdout } from 'node:process';
import { type DestinationStream, pino } from 'pino';
import { isColorSupported, prettyFactory } from 'pino-pretty';
import { truncateAddress } from './address.js';
import { createLogOutput } from './log-output.js';
import type { Logger } from './logger.js';

export interface LoggerOptions {
  readonly level: 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'silent';
  readonly format: 'pretty' | 'json';
  /** Where lines go; standard output when left out. */
  readonly destination?: DestinationStream;
}

const HIDDEN = '[hidden]';
/** Fields that never reach a log, at any depth and at any level; compared without case, dashes and underscores. */
const SECRET_FIELDS: ReadonlySet<string> = new Set([
  'authorization',
  'authkeys',
  'connectionparams',
  'cookie',
  'displayname',
  'idempotencykey',
  'key',
  'keys',
  'password',
  'payload',
  'secret',
  'setcookie',
  'text',
  'token',
  'variables',
]);
const ADDRESS_FIELDS: ReadonlySet<string> = new Set([
  'address',
  'ip',
  'peer',
  'remoteaddress',
  'xforwardedfor',
]);
const MAX_DEPTH = 6;
const MAX_STRING_LENGTH = 4096;

/** A compact JWS, and the values that a server names in a duplicate-key error. */
const SECRET_TEXT = /eyJ[\w-]+\.[\w-]+\.[\w-]*|dup key: \{[^}]*\}|(?<=:\/\/)[^/\s@]*@/g;
const cleanText = (value: string): string => value.slice(0, MAX_STRING_LENGTH).replace(SECRET_TEXT, HIDDEN);

/**
 * Drivers hang commands and documents on their errors, so only the parts that are known to be harmless are
 * kept.
 */
function cleanError(error: Error, depth: number): object {
  const code: unknown = Reflect.get(error, 'code');
  return {
    type: error.name,
    message: cleanText(error.message),
    ...(typeof code === 'string' || typeof code === 'number' ? { code } : {}),
    ...(error.stack === undefined ? {} : { stack: cleanText(error.stack) }),
    ...(error.cause === undefined ? {} : { cause: clean('cause', error.cause, depth + 1) }),
  };
}

function clean(name: string, value: unknown, depth: number): unknown {
  const field = name.toLowerCase().replace(/[-_]/g, '');
  if (SECRET_FIELDS.has(field)) return HIDDEN;
  if (typeof value === 'string') {
    return ADDRESS_FIELDS.has(field) ? truncateAddress(value) : cleanText(value);
  }
  if (typeof value === 'bigint') return value.toString();
  if (typeof value !== 'object' || value === null) return value;
  if (depth > MAX_DEPTH) return HIDDEN;
  if (value instanceof Error) return cleanError(value, depth);
  if (value instanceof Date) return value;
  if (Array.isArray(value)) return value.map((item) => clean(name, item, depth + 1));
  if (ArrayBuffer.isView(value)) return HIDDEN;
  return cleanFields(value, depth + 1);
}

const cleanFields = (fields: object, depth: number): Record<string, unknown> =>
  Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, clean(name, value, depth)]));

/** Lines for people, on their way to `output`. */
function prettified(output: DestinationStream, colorize: boolean): DestinationStream {
  const prettify = prettyFactory({ colorize, singleLine: true, translateTime: 'HH:MM:ss' });
  return { write: (line) => output.write(prettify(line)) };
}

/**
 * The process's logger: one JSON object per line with `level` as a word and `time` in ISO 8601, or a line for
 * people. Whatever is passed to it, no token, text, name, idempotency key or full address is written.
 */
export function createLogger({ level, format, destination }: LoggerOptions): Logger {
  const options = {
    level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: {
      level: (label: string) => ({ level: label }),
      log: (fields: object) => cleanFields(fields, 0),
    },
    serializers: { err: (cleaned: unknown) => cleaned },
  };
  const output =
    destination ??
    createLogOutput(stdout, (lines) => {
      logger.warn({ lines }, 'lines of this log were lost, since nobody read it');
    });
  const isColored = destination === undefined && isColorSupported;
  const logger = pino(options, format === 'json' ? output : prettified(output, isColored));
  return logger;
}
