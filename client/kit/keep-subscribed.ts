import { createBackoff, LONGEST_RETRY_MS } from './backoff.js';
import type { Sink } from './connection.js';
import type { Environment } from './environment.js';
import { remedyFor, toRequestError, type RequestError } from './request-error.js';

/** How the list that a subscription feeds takes part. */
export interface Following<Page, Event> {
  /** Opens the subscription behind what is held. */
  open(sink: Sink<Event>): () => void;
  /** Takes an event; `gap` when something before it is missing. */
  take(event: Event): 'taken' | 'repeat' | 'gap';
  /** Reads the newest page; null when there is no such list. Changes nothing. */
  readNewest(): Promise<Page | null>;
  /** Puts a newest page in place of what is held. */
  replace(page: Page): void;
  /** What went wrong and is being tried again; null once it goes well. */
  problem(error: RequestError | null): void;
  /** Nothing follows: `missing` no such list · `ended` by the server · `failed` repeating cannot help. */
  over(reason: 'missing' | 'ended' | 'failed', error: RequestError | null): void;
}

/**
 * Reads the newest page, subscribes behind it, and subscribes again for as long as that can help: after
 * `UNAVAILABLE` and its like with a growing wait, after a gap behind what is held, after an unusable cursor (or a
 * gap that stays) from the newest page.
 *
 * The returned function ends it; no callback is called after that.
 */
export function keepSubscribed<Page, Event>(
  following: Following<Page, Event>,
  environment: Environment,
): () => void {
  const backoff = createBackoff(environment);
  /** Raised by each new start; what an older one still brings is stale. */
  let generation = 0;
  let unsubscribe = () => {};
  let cancelWait = () => {};
  let gapSeen = false;
  /** Since when the present subscription is open; null while none is. */
  let openedAt: number | null = null;

  async function start(): Promise<void> {
    const mine = begin();
    gapSeen = false;
    try {
      const page = await following.readNewest();
      if (mine !== generation) return;
      if (page === null) return finish('missing', null);
      following.replace(page);
      subscribe();
    } catch (cause) {
      if (mine === generation) recover(toRequestError(cause), () => void start());
    }
  }

  function subscribe(): void {
    const mine = begin();
    openedAt = environment.now();
    const current = (run: () => void) => {
      if (mine === generation) run();
    };
    unsubscribe = following.open({
      next: (event) => current(() => next(event)),
      error: (error) => current(() => recover(error, subscribe)),
      complete: () => current(() => finish('ended', null)),
    });
    // An error within `open` has begun something newer, or ended everything, already.
    if (mine !== generation) unsubscribe();
    else following.problem(null);
  }

  function next(event: Event): void {
    const result = following.take(event);
    if (result === 'taken') {
      backoff.reset();
      gapSeen = false;
    } else if (result === 'gap') {
      const again = gapSeen ? () => void start() : subscribe;
      begin();
      gapSeen = true;
      wait(backoff.next(), again);
    }
  }

  function recover(error: RequestError, again: () => void): void {
    const remedy = remedyFor(error);
    if (remedy === 'missing') return finish('missing', error);
    if (remedy === 'stop') return finish('failed', error);
    // What was open for longer than any wait has recovered from what went wrong before it.
    if (openedAt !== null && environment.now() - openedAt > LONGEST_RETRY_MS) backoff.reset();
    begin();
    following.problem(error);
    wait(backoff.next(error.retryAfterMs), remedy === 'newest' ? () => void start() : again);
  }

  function wait(ms: number, then: () => void): void {
    cancelWait = environment.after(ms, then);
  }

  function begin(): number {
    // Raised first: what an ending subscription still says is stale.
    const mine = ++generation;
    cancelWait();
    unsubscribe();
    unsubscribe = () => {};
    openedAt = null;
    return mine;
  }

  function finish(reason: 'missing' | 'ended' | 'failed', error: RequestError | null): void {
    begin();
    following.over(reason, error);
  }

  void start();
  return () => void begin();
}
