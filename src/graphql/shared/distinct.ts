import type { CheckedDocument } from '../document.js';

/** What is kept for each character of what tells a group from others: its text, and the variables that it holds. */
const CHARACTER_BYTES = 4;
/** This part of the heap may be kept for the groups that one address has opened. */
const OF_ADDRESS = 1 / 32;
/** And for all together. */
const OF_ALL = 1 / 8;

/** A group as it is counted: how many share its document does not matter. */
interface Opened {
  readonly document: Pick<CheckedDocument, 'bytes'>;
  readonly key: string;
  /** Of the subscriber who opened it. */
  readonly address: string;
}

/**
 * Counts what open subscriptions keep because they differ. Clients have the same few documents, but fifty sockets of one
 * address can bring 2,500 of their own, which took some half a gigabyte.
 *
 * @param heapBytes - how large the heap may become.
 */
export function createDistinct(heapBytes: number) {
  const ofAddresses = new Map<string, number>();
  /** Each with the address that brought it, which it counts for until the last group with it is closed. */
  const documents = new Map<Opened['document'], { readonly address: string; groups: number }>();
  let ofAll = 0;

  function change(address: string, by: number): void {
    ofAll += by;
    const left = (ofAddresses.get(address) ?? 0) + by;
    if (left === 0) ofAddresses.delete(address);
    else ofAddresses.set(address, left);
  }

  return {
    /** Counts a group until what is returned is called; null when it would be too much. */
    open({ document, key, address }: Opened): (() => void) | null {
      const known = documents.get(document);
      const ofGroup = CHARACTER_BYTES * key.length;
      const bytes = known === undefined ? ofGroup + document.bytes : ofGroup;
      const ofAddress = (ofAddresses.get(address) ?? 0) + bytes;
      if (ofAddress > OF_ADDRESS * heapBytes || ofAll + bytes > OF_ALL * heapBytes) return null;
      change(address, bytes);
      const counted = known ?? { address, groups: 0 };
      documents.set(document, counted);
      counted.groups += 1;
      return () => {
        change(address, -ofGroup);
        counted.groups -= 1;
        if (counted.groups > 0) return;
        documents.delete(document);
        change(counted.address, -document.bytes);
      };
    },
  };
}
