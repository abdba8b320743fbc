import type { StorageAdapter } from '@urql/exchange-graphcache';
import { Client } from 'urql';
import { retryReads, socketExchange, type Socket } from '../../kit/index.js';
import { cache } from './cache.js';

/** One client for everything but the messages of rooms: Graphcache over the kit's socket. */
export function createGraphQLClient(url: string, socket: Socket, kept: StorageAdapter): Client {
  return new Client({
    url,
    preferGetMethod: false,
    exchanges: [cache(kept), retryReads(), socketExchange(socket)],
  });
}
