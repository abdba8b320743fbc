/** Makes many rooms in a data folder before a server starts on it. Writes the ids of the first ones to ROOMS_FILE. */
import { writeFileSync } from 'node:fs';
import { systemIds } from '../../dist/lib/ids.js';
import { toGlobalId } from '../../dist/graphql/node.js';
import { createSqliteRoomStore } from '../../dist/rooms/room-store.sqlite.js';
import { openSqlite } from '../../dist/sqlite/sqlite.js';

const COUNT = Number(process.env.COUNT);
const SHOWN = 1000;
const AT_ONCE = 500;
const nothing = () => undefined;
const log = { trace: nothing, debug: nothing, info: nothing, warn: nothing, error: console.error };
const sqlite = await openSqlite({ dataDir: process.env.DATA_DIR, log });
const rooms = createSqliteRoomStore({ sqlite });
const ids = [];
while (ids.length < COUNT) {
  const some = Array.from({ length: Math.min(AT_ONCE, COUNT - ids.length) }, () => systemIds.uuid());
  await Promise.all(
    some.map((id) => {
      const room = { id, name: `Room ${id}`, nameKey: id, createdAt: new Date(), creatorId: id };
      return rooms.create(room, AbortSignal.timeout(30_000));
    }),
  );
  ids.push(...some);
}
await sqlite.stop();
const shown = ids.slice(0, SHOWN).map(
  (id) => `${toGlobalId('Room', id)}
`,
);
writeFileSync(process.env.ROOMS_FILE, shown.join(''));
console.log('filled');
