/** A server that is busy just now may refuse the worker's file: it is asked for again, a few times. */
const RETRIES = 5;
const RETRY_MS = 3000;

/** What the page needs of Trusted Types, where the browser has them. Its addresses go wherever a text may. */
interface TrustedTypes {
  createPolicy(
    name: string,
    rules: { createScriptURL: (address: string) => string },
  ): { createScriptURL: (address: string) => string };
}

/**
 * Lets the client below `base` start without a network: a service worker keeps its files. Only the built client has
 * one, and browsers allow it on secure addresses and this machine alone; elsewhere nothing happens.
 */
export function startOffline(window: Window & { trustedTypes?: TrustedTypes }, base: URL): void {
  const { serviceWorker } = window.navigator as Partial<Navigator>;
  if (serviceWorker === undefined || !import.meta.env.PROD) return;
  const { href } = new URL('service-worker.js', base);
  // The policy gives this one address, whatever it is asked for.
  const policy = window.trustedTypes?.createPolicy('madang', { createScriptURL: () => href });
  const address = policy?.createScriptURL(href) ?? href;
  // With the address that has no slash at its end.
  const scope = base.pathname.replace(/\/$/, '');
  const register = (triesLeft: number): void => {
    serviceWorker.register(address, { scope, updateViaCache: 'none' }).catch(() => {
      // Without it the client is as good, but for a start without a network.
      if (triesLeft > 0) window.setTimeout(() => register(triesLeft - 1), RETRY_MS);
    });
  };
  register(RETRIES);
}
