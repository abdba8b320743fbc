/** Why there is no place: the instance is full, or the address has its share. */
export type NoPlace = 'capacity' | 'address';

/**
 * Counts the connections that stay: sockets, and requests whose answer is a stream of events. Each takes one place
 * of the instance and one of its address.
 */
export function createPlaces({
  maxSockets,
  maxSocketsPerAddress,
}: {
  maxSockets: number;
  maxSocketsPerAddress: number;
}) {
  const perAddress = new Map<string, number>();
  let taken = 0;

  return {
    /** Takes a place and gives null, or why there is none. */
    take(address: string): NoPlace | null {
      if (taken >= maxSockets) return 'capacity';
      const ofAddress = perAddress.get(address) ?? 0;
      if (ofAddress >= maxSocketsPerAddress) return 'address';
      taken += 1;
      perAddress.set(address, ofAddress + 1);
      return null;
    },
    /** Gives a place back, once for each that was taken. */
    leave(address: string): void {
      taken -= 1;
      const left = (perAddress.get(address) ?? 1) - 1;
      if (left <= 0) perAddress.delete(address);
      else perAddress.set(address, left);
    },
  };
}

export type Places = ReturnType<typeof createPlaces>;
