import { useState } from 'react';

interface Range {
  /** Number of the first message. */
  readonly first: number;
  /** Number of the last message. */
  readonly last: number;
  /** Lines, with those that have no number yet. */
  readonly length: number;
}

/**
 * How the list compares with the one that was shown before it: whether it begins elsewhere (`shift`), and whether it
 * still is the same list. When it is not, `edition` is raised: nothing that was measured holds any more.
 */
export function useContinuity(range: Range): { readonly shift: boolean; readonly edition: number } {
  const [shown, setShown] = useState({ range, shift: false, edition: 0 });
  const { first, last, length } = shown.range;
  if (range.first === first && range.last === last && range.length === length) return shown;
  const apart = range.first > last + 1 || range.last < first - 1;
  const now = {
    range,
    shift: !apart && range.first !== first,
    edition: apart ? shown.edition + 1 : shown.edition,
  };
  setShown(now);
  return now;
}
