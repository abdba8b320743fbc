import { useCallback, useState } from 'react';
import type { RoomMessage } from '../../kit/index.js';

/**
 * The messages; when older and newer ones came together, first without the older ones, and with them before anybody sees
 * it. A list whose both ends have changed cannot be told how far that moves what is read.
 */
export function useOneEnd(messages: readonly RoomMessage[]) {
  const first = messages[0]?.number ?? 1;
  const last = messages.at(-1)?.number ?? 0;
  const [range, setRange] = useState({ first, last });
  /** Those before this number wait. */
  const [from, setFrom] = useState<number | null>(null);
  const together = first < range.first && last > range.last;
  const begin = Math.max(first, from ?? (together ? range.first : first));
  if (together) setFrom(begin);
  if (begin !== range.first || last !== range.last) setRange({ first: begin, last });
  /** To be called when what is returned is on the page. */
  const showAll = useCallback(() => setFrom(null), []);
  return { shown: begin === first ? messages : messages.slice(begin - first), showAll };
}
