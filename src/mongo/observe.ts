import type { MongoClient } from 'mongodb';
import { MS_PER_SECOND } from '../lib/clock.js';
import { MONGO_COMMANDS, type Metrics } from '../lib/metrics.js';

const KNOWN: ReadonlySet<string> = new Set(MONGO_COMMANDS);
const labelOf = (command: string): string => (KNOWN.has(command) ? command : 'other');

/** Measures the commands and connections of a client, from now on. */
export function observeMongo(
  client: MongoClient,
  metrics: Pick<Metrics, 'mongoCommandSeconds' | 'mongoConnections' | 'mongoConnectionsInUse'>,
): void {
  const ended =
    (result: 'ok' | 'failed') =>
    ({ commandName, duration }: { commandName: string; duration: number }): void =>
      metrics.mongoCommandSeconds.observe(
        { command: labelOf(commandName), result },
        duration / MS_PER_SECOND,
      );
  client.on('commandSucceeded', ended('ok'));
  client.on('commandFailed', ended('failed'));
  client.on('connectionCreated', () => metrics.mongoConnections.inc());
  client.on('connectionClosed', () => metrics.mongoConnections.dec());
  client.on('connectionCheckedOut', () => metrics.mongoConnectionsInUse.inc());
  client.on('connectionCheckedIn', () => metrics.mongoConnectionsInUse.dec());
}
