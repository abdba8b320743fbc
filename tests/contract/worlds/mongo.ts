import { systemClock } from '../../../src/lib/clock.js';
import { silentLogger, type Logger } from '../../../src/lib/logger.js';
import { openMongo, type Mongo } from '../../../src/mongo/mongo.js';
import { mongoForTests, withDriverRetries } from '../../testkit/services/index.js';
import { KEEP_MS } from '../visit-journal.suite.js';

/** Opens a database as an instance does. */
export const connect = (
  url: string,
  options: { log?: Logger; signal?: AbortSignal; keepVisitsMs?: number | null } = {},
): Promise<Mongo> =>
  openMongo({
    url,
    keepVisitsMs: options.keepVisitsMs === undefined ? KEEP_MS : options.keepVisitsMs,
    clock: systemClock,
    log: options.log ?? silentLogger,
    signal: options.signal ?? AbortSignal.timeout(60_000),
  });

/** A database of its own on the MongoDB that the tests share; `stop` drops it. */
export async function newMongo(): Promise<{ mongo: Mongo; url: string; stop: () => Promise<void> }> {
  const { url: shared, dispose } = await mongoForTests();
  const url = withDriverRetries(shared);
  const mongo = await connect(url);
  return {
    mongo,
    url,
    async stop() {
      await mongo.stop();
      await dispose();
    },
  };
}

/** The commands that read documents, as they are sent from now on. */
export function readsOf({ client }: Mongo): readonly string[] {
  const reads: string[] = [];
  client.on('commandStarted', ({ commandName }) => {
    if (commandName === 'find' || commandName === 'getMore') reads.push(commandName);
  });
  return reads;
}
