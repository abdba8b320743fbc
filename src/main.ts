#!/usr/bin/env node
import type { App } from './app.js';
import { runCommand } from './commands/run-command.js';
import { ConfigError, loadConfig } from './config.js';
import { createLogger } from './lib/logger.pino.js';
import { StartError } from './lib/start-error.js';

/** A drain must be over before an orchestrator kills the process, usually after 30 s. */
const STOP_LIMIT_MS = 25_000;

/** Ends the program before it has started: words, no stack, no secret. */
function refuse(error: unknown): never {
  const known = error instanceof ConfigError || error instanceof StartError;
  const words = known
    ? error.message
    : error instanceof Error
      ? (error.stack ?? error.message)
      : String(error);
  for (const line of words.split('\n')) console.error(`madang: ${line}`);
  process.exit(1);
}

async function serve(): Promise<void> {
  // Told to read its keys while it is loaded, a server reads them later anyhow; unheard, the signal would end it.
  process.on('SIGHUP', () => undefined);
  // Told to end meanwhile, it has nothing open; the first process of a container would not hear it.
  let stop: (reason: string, code: number, hurry: boolean) => void = (_reason, code) => process.exit(code);
  process.on('SIGTERM', () => stop('SIGTERM', 0, false));
  process.on('SIGINT', () => stop('SIGINT', 0, true));
  const config = loadConfig(process.env);
  const format = config.logFormat ?? (process.stdout.isTTY ? 'pretty' : 'json');
  const log = createLogger({ level: config.logLevel, format });
  // graphql-js reads it when it is loaded, and looks twice at each type that it asks about unless told so.
  process.env['NODE_ENV'] ??= 'production';
  const { createApp } = await import('./app.js');
  const app: App = createApp(config, { log });
  let stopping = false;
  // Waiting for MongoDB, or for the last answers of a drain, is done on timers that keep no process alive. This one
  // does: the process ends by a decision only.
  setInterval(() => undefined, STOP_LIMIT_MS);

  // The first call drains, the second one hurries.
  stop = (reason, code, hurry) => {
    log.info({ reason }, stopping ? 'stopping at once' : 'stopping');
    const ended = app.stop({ hurry: hurry || stopping });
    if (stopping) return;
    stopping = true;
    setTimeout(() => process.exit(1), STOP_LIMIT_MS).unref();
    ended.then(
      () => process.exit(code),
      (error: unknown) => {
        log.error({ err: error }, 'could not stop in order');
        process.exit(1);
      },
    );
  };

  process.on('SIGHUP', () => {
    try {
      if (app.reloadKeys()) log.info({}, 'the signing keys were read again');
      else log.warn({}, 'the signing keys stay as they are: only AUTH_KEYS_FILE is read again');
    } catch (error) {
      log.error(
        { reason: error instanceof Error ? error.message : 'unknown' },
        'the old signing keys stay in force',
      );
    }
  });
  // Neither is expected, ever: a server whose state is unknown stops taking part, and says so by its exit code.
  process.on('unhandledRejection', (error) => {
    // Where one item of a list fails at once, graphql-js 16 leaves the answers about the items before it to nobody.
    if (error instanceof Error && error.name === 'GraphQLError') {
      return log.error({ err: error }, 'an error of an operation was told to nobody');
    }
    log.error({ err: error }, 'unhandled rejection');
    stop('unhandled rejection', 1, false);
  });
  process.on('uncaughtException', (error) => {
    log.error({ err: error }, 'uncaught exception');
    stop('uncaught exception', 1, false);
  });

  try {
    await app.start();
  } catch (error) {
    // A start that was told to stop is no refusal.
    if (!stopping) throw error;
  }
  if (stopping) return;
  const where = config.mode === 'embedded' ? `data in ${config.dataDir}` : 'data in MongoDB';
  const metrics = app.metricsUrl === null ? '' : `, metrics ${app.metricsUrl}`;
  console.log(
    `Madang is ready: chat ${app.url}/client, GraphQL and GraphiQL ${app.url}/graphql${metrics}, ${where}`,
  );
}

/** A command that waits for MongoDB does so on timers that keep no process alive, as a start does. */
async function run(command: string, operands: readonly string[]): Promise<void> {
  const waiting = setInterval(() => undefined, STOP_LIMIT_MS);
  process.exitCode = await runCommand(command, operands, process.env, console.log);
  clearInterval(waiting);
}

const [command, ...operands] = process.argv.slice(2);
try {
  if (command === undefined) await serve();
  else await run(command, operands);
} catch (error) {
  refuse(error);
}
