/** This part of the heap may be taken for the callers of one address. */
const OF_ADDRESS = 1 / 32;
/** And for all together. */
const OF_ALL = 1 / 8;

/**
 * Counts what is kept for callers, by their address, against parts of the heap.
 *
 * @param heapBytes - how large the heap may become.
 */
export function createHeapShare(heapBytes: number) {
  const ofAddresses = new Map<string, number>();
  let ofAll = 0;

  return {
    /** Whether so many bytes more may be kept for this address. */
    fits: (address: string, bytes: number): boolean =>
      (ofAddresses.get(address) ?? 0) + bytes <= OF_ADDRESS * heapBytes &&
      ofAll + bytes <= OF_ALL * heapBytes,

    /** Counts so many bytes more for this address, or less where that is negative. */
    change(address: string, bytes: number): void {
      ofAll += bytes;
      const left = (ofAddresses.get(address) ?? 0) + bytes;
      if (left === 0) ofAddresses.delete(address);
      else ofAddresses.set(address, left);
    },
  };
}
