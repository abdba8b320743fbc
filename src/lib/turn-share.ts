/** What one caller has begun in this turn of the event loop, and who waits for a later one. */
interface Share {
  taken: number;
  readonly waiting: { readonly cost: number; readonly begin: () => void }[];
  /** How many of `waiting` have begun. */
  begun: number;
}

/** Those who have begun that a line may hold before it is cut. */
const MAX_BEGUN_KEPT = 4096;

/** Lets nobody fill a turn of the event loop. */
export interface TurnShare {
  /**
   * Null when the caller may begin at once something that costs so much. Else a promise that resolves in the turn in
   * which it may; what one caller waits for begins in the order in which it came.
   *
   * @param instead - of whom it may be taken as well, where the caller would have to wait.
   */
  take(caller: string, cost: number, instead?: string): Promise<void> | null;
}

/**
 * Requests that come in one moment are answered in one turn of the event loop, and all others wait for its end: 240
 * queries of long pages, which four visitors may send, stopped a server for 2.5 s. Here what one caller begins in one
 * turn costs `limit` at most, or is one thing that costs more.
 *
 * @param nextTurn - runs a callback in the next turn of the event loop (`setImmediate`).
 */
export function createTurnShare({
  limit,
  nextTurn,
}: {
  limit: number;
  nextTurn: (callback: () => void) => void;
}): TurnShare {
  const shares = new Map<string, Share>();

  function shareOf(caller: string): Share {
    const share = shares.get(caller) ?? { taken: 0, waiting: [], begun: 0 };
    shares.set(caller, share);
    return share;
  }

  const fits = ({ taken }: Share, cost: number): boolean => taken === 0 || taken + cost <= limit;

  /** Takes it now, behind nobody. */
  function takes(share: Share, cost: number): boolean {
    if (share.waiting.length > 0 || !fits(share, cost)) return false;
    share.taken += cost;
    return true;
  }

  function letBegin(share: Share): void {
    const { waiting } = share;
    for (let next = waiting[share.begun]; next !== undefined; next = waiting[share.begun]) {
      if (!fits(share, next.cost)) break;
      share.begun += 1;
      share.taken += next.cost;
      next.begin();
    }
    if (share.begun < waiting.length && share.begun <= MAX_BEGUN_KEPT) return;
    waiting.splice(0, share.begun);
    share.begun = 0;
  }

  function turn(): void {
    for (const [caller, share] of shares) {
      if (share.waiting.length === 0) shares.delete(caller);
      share.taken = 0;
      letBegin(share);
    }
    if (shares.size > 0) nextTurn(turn);
  }

  return {
    take(caller, cost, instead = caller) {
      if (shares.size === 0) nextTurn(turn);
      const share = shareOf(caller);
      if (takes(share, cost) || (instead !== caller && takes(shareOf(instead), cost))) return null;
      return new Promise((begin) => share.waiting.push({ cost, begin }));
    },
  };
}
