import { LRUCache } from 'lru-cache';
import type { Clock } from '../lib/clock.js';
import { CodedError } from '../lib/coded-error.js';
import type { Ids } from '../lib/ids.js';
import { refuse, type Result, succeed } from '../lib/problem.js';
import { normalizeText, textProblems } from '../lib/text.js';
import type { PubSub } from '../pubsub/pubsub.js';
import type { Payload } from '../pubsub/topics.js';
import { callProblem } from '../limits/call-problem.js';
import type { RateLimits } from '../limits/rate-limits.js';
import { createViewer, nameFromId, timeOfId, type Viewer, type Visitor } from './visitor.js';
import { createKnownNames } from './known-names.js';
import type { VisitorStore } from './visitor-store.js';
import {
  idFromSubject,
  idOfSubject,
  type IssuedToken,
  type TokenTerm,
  type VisitorTokens,
} from './visitor-token.js';

/** How many visitors an instance remembers to have stored; forgetting one costs one more write. */
const STORED_KEPT = 50_000;

/** Who a token or a host's identity stands for. */
export interface Identity {
  readonly viewer: Viewer;
  /** For how long the proof holds; null for an identity that the host vouches for. */
  readonly term: TokenTerm | null;
  /** A fresh token, once half of the old one's life is over. */
  readonly renewed: IssuedToken | null;
}

/** A visitor with the token that proves it. */
export interface IssuedVisitor extends IssuedToken {
  readonly viewer: Viewer;
  readonly visitor: Visitor;
}

export type VisitorService = ReturnType<typeof createVisitorService>;

/**
 * Visitors: who is calling, and by which name. A visitor is its token; it is stored at its first write
 * (docs/SPEC.md, VISITOR-*).
 */
export function createVisitorService({
  store,
  tokens,
  pubsub,
  limits,
  clock,
  ids,
  maxDisplayNameLength,
  hostIdentifies,
}: {
  store: VisitorStore;
  tokens: VisitorTokens;
  pubsub: PubSub;
  limits: RateLimits;
  clock: Clock;
  ids: Ids;
  maxDisplayNameLength: number;
  /** Whether a host says who is who: then nobody is given a token. */
  hostIdentifies: boolean;
}) {
  const names = createKnownNames();
  const stored = new LRUCache<string, true>({ max: STORED_KEPT });
  const renameListeners = new Set<(visitorId: string) => void>();

  const nameRules = {
    kind: 'name',
    subject: 'The display name',
    field: 'displayName',
    maxLength: maxDisplayNameLength,
  } as const;

  const withMadeName = ({ id, createdAt }: Viewer): Visitor => ({
    id,
    createdAt,
    displayName: nameFromId(id, maxDisplayNameLength),
  });

  function renamed({ visitorId, displayName }: Payload<'visitorRenamed'>): void {
    names.announced(visitorId, displayName);
    for (const listener of renameListeners) listener(visitorId);
  }

  const announcements = pubsub.subscribe('visitorRenamed', 'all', renamed);

  /** Stored visitors; the names that were known last while the store is away, if all are known. */
  async function read(visitorIds: readonly string[], signal: AbortSignal): Promise<readonly Visitor[]> {
    try {
      const records = await store.byIds(visitorIds, signal);
      return records.map((record) => {
        const { id, createdAt, displayName } = record;
        return displayName === null ? withMadeName(record) : { id, createdAt, displayName };
      });
    } catch (error) {
      if (!(error instanceof CodedError) || error.code !== 'UNAVAILABLE') throw error;
      const old = visitorIds.flatMap((id) => names.last(id) ?? []);
      if (old.length < visitorIds.length) throw error;
      return old;
    }
  }

  const byIds = (visitorIds: readonly string[], signal: AbortSignal): Promise<ReadonlyMap<string, Visitor>> =>
    names.byIds(visitorIds, async (missing) => {
      const visitors = await read(missing, signal);
      for (const { id } of visitors) stored.set(id, true);
      return visitors;
    });

  async function ensure(viewer: Viewer, signal: AbortSignal): Promise<void> {
    if (stored.has(viewer.id)) return;
    await store.ensure({ id: viewer.id, createdAt: viewer.createdAt, displayName: null }, signal);
    stored.set(viewer.id, true);
  }

  async function self(viewer: Viewer, signal: AbortSignal): Promise<Visitor> {
    return (await byIds([viewer.id], signal)).get(viewer.id) ?? withMadeName(viewer);
  }

  async function saveName(viewer: Viewer, displayName: string, signal: AbortSignal): Promise<Visitor> {
    const visitor = { id: viewer.id, createdAt: viewer.createdAt, displayName };
    await store.rename(visitor, signal);
    stored.set(viewer.id, true);
    renamed({ visitorId: viewer.id, displayName });
    pubsub.publish('visitorRenamed', 'all', { visitorId: viewer.id, displayName });
    names.set(visitor);
    return visitor;
  }

  function newViewer(): Viewer {
    const id = ids.uuid();
    return createViewer(id, timeOfId(id) ?? clock.now());
  }

  const withoutTokens = (): Result<never> =>
    refuse({ code: 'FORBIDDEN', message: 'The host of this chat says who you are: it gives no tokens.' });

  return {
    /**
     * Makes a visitor and its token. Stored only when it chose a name.
     *
     * @param address - whose limit of new visitors it draws on.
     */
    async create(
      displayName: string | null,
      address: string,
      signal: AbortSignal,
    ): Promise<Result<IssuedVisitor>> {
      if (hostIdentifies) return withoutTokens();
      const name = displayName === null ? null : normalizeText(displayName);
      const [problem, ...others] = name === null ? [] : textProblems(name, nameRules);
      if (problem !== undefined) return refuse(problem, ...others);
      const retryAfterMs = await limits.consume('createVisitorPerAddress', address);
      if (retryAfterMs !== null) {
        return refuse({
          code: 'RATE_LIMITED',
          message: 'Too many new visitors from this address.',
          retryAfterMs,
        });
      }
      const viewer = newViewer();
      const visitor = name === null ? withMadeName(viewer) : await saveName(viewer, name, signal);
      return succeed({ viewer, visitor, ...(await tokens.sign(viewer.id)) });
    },

    /** A fresh token for a visitor that proved to be one. */
    async renew(viewer: Viewer, signal: AbortSignal): Promise<Result<IssuedVisitor>> {
      if (hostIdentifies) return withoutTokens();
      const problem = await callProblem(limits, viewer.id);
      if (problem !== null) return refuse(problem);
      return succeed({ viewer, visitor: await self(viewer, signal), ...(await tokens.sign(viewer.id)) });
    },

    /** @throws CodedError `UNAUTHENTICATED` for a token that is not valid, never a new identity. */
    async authenticate(token: string): Promise<Identity> {
      const term = await tokens.verify(token);
      const { subject, issuedAt, expiresAt } = term;
      const viewer = createViewer(idOfSubject(subject), timeOfId(subject) ?? issuedAt.getTime());
      const halfLife = issuedAt.getTime() + (expiresAt.getTime() - issuedAt.getTime()) / 2;
      return { viewer, term, renewed: clock.now() >= halfLife ? await tokens.sign(subject) : null };
    },

    /** The visitor of a host's own subject: the same one for ever, stored at first sight. */
    async identify(subject: string, displayName: string | null, signal: AbortSignal): Promise<Identity> {
      const viewer = createViewer(idFromSubject(subject), clock.now());
      if (!stored.has(viewer.id)) {
        const name = displayName === null ? null : normalizeText(displayName);
        const usable = name !== null && textProblems(name, nameRules).length === 0;
        const { id, createdAt } = viewer;
        await store.ensure({ id, createdAt, displayName: usable ? name : null }, signal);
        stored.set(viewer.id, true);
      }
      return { viewer, term: null, renewed: null };
    },

    /** Gives the viewer another name, everywhere. Repeats do nothing. */
    async rename(viewer: Viewer, displayName: string, signal: AbortSignal): Promise<Result<Visitor>> {
      const name = normalizeText(displayName);
      const [problem, ...others] = textProblems(name, nameRules);
      if (problem !== undefined) return refuse(problem, ...others);
      const tooMany = await callProblem(limits, viewer.id);
      return tooMany === null ? succeed(await saveName(viewer, name, signal)) : refuse(tooMany);
    },

    /** Stores the viewer before its first write. Repeats do nothing. */
    ensure,
    /** The viewer as a visitor, stored or not. */
    self,
    /** Stored visitors by id, with their present names; those never stored are left out. */
    byIds,
    /** A visitor whose present name is at hand, without asking the store. */
    cached: (visitorId: string): Visitor | undefined => names.get(visitorId),

    /** A visitor that wrote but is not in the store, as after a restored backup, by the name made from its id. */
    unnamed: (visitorId: string): Visitor =>
      withMadeName({ id: visitorId, createdAt: new Date(timeOfId(visitorId) ?? 0) }),

    /** Calls `listener` when a visitor got another name, on any instance. Returns how to end it. */
    onRenamed(listener: (visitorId: string) => void): () => void {
      renameListeners.add(listener);
      return () => renameListeners.delete(listener);
    },

    stop(): void {
      announcements.close();
      renameListeners.clear();
    },
  };
}
