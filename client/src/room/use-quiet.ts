import { useState } from 'react';

/**
 * The newest message whose coming onto the page is nothing to announce: those that were there when the room was opened,
 * and those that came while older ones were read. The others come under the reader's eye, and are announced.
 */
export function useQuiet(following: boolean, newest: number): number {
  const [quiet, setQuiet] = useState(newest);
  if (!following && quiet !== newest) setQuiet(newest);
  return following ? quiet : newest;
}
