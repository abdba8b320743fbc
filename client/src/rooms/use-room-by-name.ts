import { useEffect, useState } from 'react';
import { useRoomByNameQuery, type RoomRowFragment } from '../__generated__/operations.js';

/** A name is asked for when it has stayed the same for so long: not after each letter. */
const TYPED_MS = 250;

/** The room that has this name as a whole, wherever it is in the list; none is asked for without a name. */
export function useRoomByName(name: string): {
  readonly named: RoomRowFragment | null;
  /** Whether the answer is still to come. */
  readonly asking: boolean;
} {
  const [typed, setTyped] = useState(name);
  useEffect(() => {
    const timer = setTimeout(() => setTyped(name), TYPED_MS);
    return () => clearTimeout(timer);
  }, [name]);
  const [{ data, fetching }] = useRoomByNameQuery({
    variables: { name: typed },
    requestPolicy: 'network-only',
    pause: typed === '',
  });
  if (name === '') return { named: null, asking: false };
  const asking = typed !== name || fetching;
  return { named: asking ? null : (data?.roomByName ?? null), asking };
}
