/** What one caller has begun in this turn of the event loop, and who waits for a later one. */
interface Share {
  taken: number;
  readonly waiting: { readonly costNow: () => number; readonly begin: () => void }[];
  /** How many of `waiting` have begun. */
  begun: number;
}

/** Those who have begun that a line may hold before it is cut. */
const MAX_BEGUN_KEPT = 4096;

/** Lets nobody fill a turn of the event loop. */
export interface TurnShare {
  /**
   * Whether the caller may begin at once something that costs so much; it is taken then, if it is counted.
   *
   * @param instead - of whom it may be taken as well, where the caller would have to wait.
   */
  takes(caller: string, cost: number, instead?: string): boolean;
  /**
   * Resolves in the turn in which the caller may begin, which is not this one; what one caller waits for begins in the
   * order in which it came.
   *
   * @param costNow - asked when it is next in line: nothing, where nobody waits for it any more.
   */
  wait(caller: string, costNow: () => number): Promise<void>;
}

/**
 * Requests that come in one moment are answered in one turn of the event loop, and all others wait for its end: 240
 * queries of long pages, which four visitors may send, stopped a server for 2.5 s. Here what one caller begins in one
 * turn costs `limit` at most, or is one thing that costs more.
 *
 * @param least - what costs less is not counted, and waits behind nobody.
 * @param nextTurn - runs a callback in the next turn of the event loop (`setImmediate`).
 */
export function createTurnShare({
  limit,
  least,
  nextTurn,
}: {
  limit: number;
  least: number;
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
  function takesOf(share: Share, cost: number): boolean {
    if (share.waiting.length > 0 || !fits(share, cost)) return false;
    share.taken += cost;
    return true;
  }

  function letBegin(share: Share): void {
    const { waiting } = share;
    for (let next = waiting[share.begun]; next !== undefined; next = waiting[share.begun]) {
      const cost = next.costNow();
      if (!fits(share, cost)) break;
      share.begun += 1;
      share.taken += cost;
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

  function takes(caller: string, cost: number, instead = caller): boolean {
    if (cost < least) return true;
    if (shares.size === 0) nextTurn(turn);
    return takesOf(shareOf(caller), cost) || (instead !== caller && takesOf(shareOf(instead), cost));
  }

  function wait(caller: string, costNow: () => number): Promise<void> {
    if (shares.size === 0) nextTurn(turn);
    return new Promise((begin) => shareOf(caller).waiting.push({ costNow, begin }));
  }

  return { takes, wait };
}
