import { createSqliteMessageStore } from '../../dist/messages/message-store.sqlite.js';
import { openSqlite } from '../../dist/sqlite/sqlite.js';

/** Madang's store of messages in a folder. */
export async function createMessageStoreFor(dataDir, log) {
  const sqlite = await openSqlite({ dataDir, log });
  return { store: createSqliteMessageStore({ sqlite }), stop: () => sqlite.stop() };
}
