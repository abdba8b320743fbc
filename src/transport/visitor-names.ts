import DataLoader from 'dataloader';
import { MAX_LOAD_BATCH } from '../graphql/loaders.js';
import type { Viewer, Visitor } from '../visitors/visitor.js';
import type { VisitorService } from '../visitors/visitor-service.js';

/**
 * Tells those who connect by which name they go. Who asks while the store is being asked shares the next read with
 * all others who do: when 2,000 reconnect at once (R16), it was asked 2,016 times before. A store that is away keeps
 * nobody from connecting: the name is then the one made from the identifier.
 *
 * @param deadline - ends a read.
 */
export function createVisitorNames({
  visitors,
  deadline,
}: {
  visitors: Pick<VisitorService, 'byIds' | 'unnamed'>;
  deadline: () => AbortSignal;
}): (viewer: Viewer) => Promise<Visitor> {
  /** The read that is under way; never rejects. */
  let reading: Promise<unknown> = Promise.resolve();

  const names = new DataLoader<string, Visitor>(
    async (ids) => {
      const read = visitors.byIds(ids, deadline());
      reading = read.catch(() => undefined);
      const found = await read;
      return ids.map((id) => found.get(id) ?? visitors.unnamed(id));
    },
    {
      cache: false,
      maxBatchSize: MAX_LOAD_BATCH,
      batchScheduleFn: (dispatch) => void reading.then(dispatch),
    },
  );

  return ({ id }) => names.load(id).catch(() => visitors.unnamed(id));
}
