import { createHeapShare } from '../../lib/heap-share.js';
import type { CheckedDocument } from '../document.js';

/** What is kept for each character of what tells a group from others: its text, and the variables that it holds. */
const CHARACTER_BYTES = 4;

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
  const share = createHeapShare(heapBytes);
  /** Each with the address that brought it, which it counts for until the last group with it is closed. */
  const documents = new Map<Opened['document'], { readonly address: string; groups: number }>();

  return {
    /** Counts a group until what is returned is called; null when it would be too much. */
    open({ document, key, address }: Opened): (() => void) | null {
      const known = documents.get(document);
      const ofGroup = CHARACTER_BYTES * key.length;
      const bytes = known === undefined ? ofGroup + document.bytes : ofGroup;
      if (!share.fits(address, bytes)) return null;
      share.change(address, bytes);
      const counted = known ?? { address, groups: 0 };
      documents.set(document, counted);
      counted.groups += 1;
      return () => {
        share.change(address, -ofGroup);
        counted.groups -= 1;
        if (counted.groups > 0) return;
        documents.delete(document);
        share.change(counted.address, -document.bytes);
      };
    },
  };
}
