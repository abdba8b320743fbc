import { useState } from 'react';

/**
 * The newest message whose coming onto the page is nothing to announce: those that were there when the room was opened,
 * and those that came while older ones were read. The others come under the reader's eye, and are announced.
 */
export function useQuiet(following: boolean, last: number): number {
  const [quiet, setQuiet] = useState(last);
  if (!following && quiet !== last) setQuiet(last);
  return following ? quiet : last;
}
