import DataLoader from 'dataloader';
import type { Clock } from '../lib/clock.js';
import type { Viewer, Visitor } from '../visitors/visitor.js';
import type { VisitorService } from '../visitors/visitor-service.js';

/** Longest time that a connect waits for the store to tell a name, once it is asked. */
const READ_MS = 1000;
/** What a store takes in one call. */
const MAX_BATCH = 200;

/**
 * Tells those who connect by which name they go. Who asks while the store is being asked shares the next read with
 * all others who do: when 2,000 reconnect at once (R16), it was asked 2,016 times before. A store that is away keeps
 * nobody from connecting: the name is then the one made from the identifier.
 */
export function createVisitorNames({
  visitors,
  clock,
}: {
  visitors: Pick<VisitorService, 'byIds' | 'unnamed'>;
  clock: Pick<Clock, 'deadline'>;
}): (viewer: Viewer) => Promise<Visitor> {
  /** The read that is under way; never rejects. */
  let reading: Promise<unknown> = Promise.resolve();

  const names = new DataLoader<string, Visitor>(
    async (ids) => {
      const read = visitors.byIds(ids, clock.deadline(READ_MS));
      reading = read.catch(() => undefined);
      const found = await read;
      return ids.map((id) => found.get(id) ?? visitors.unnamed(id));
    },
    {
      cache: false,
      maxBatchSize: MAX_BATCH,
      batchScheduleFn: (dispatch) => void reading.then(dispatch),
    },
  );

  return ({ id }) => names.load(id).catch(() => visitors.unnamed(id));
}
