/** What is known about the network. */
export interface Network {
  /** Whether there seems to be one. Only a hint: browsers are often wrong in both directions. */
  online(): boolean;
  /** Calls `listener` when that may have changed, or when it is a good moment to try again. */
  watch(listener: () => void): () => void;
}

export const alwaysOnline: Network = { online: () => true, watch: () => () => {} };

/** The network as a browser's window knows it; also wakes when the page comes back to the front. */
export function browserNetwork(window: Window & { navigator: Navigator }): Network {
  return {
    online: () => window.navigator.onLine,
    watch(listener) {
      const events = ['online', 'offline', 'pageshow', 'focus'] as const;
      for (const event of events) window.addEventListener(event, listener);
      return () => {
        for (const event of events) window.removeEventListener(event, listener);
      };
    },
  };
}
