const FIRST_RETRY_MS = 100;
const LONGEST_RETRY_MS = 5000;

/** How long to wait for a store that did not answer so many times before, in milliseconds. */
export const retryPauseMs = (failures: number): number =>
  Math.min(FIRST_RETRY_MS * 2 ** failures, LONGEST_RETRY_MS);
