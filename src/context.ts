import { createLoaders, type Loaders } from './graphql/loaders.js';
import { CodedError } from './lib/coded-error.js';
import type { Ids } from './lib/ids.js';
import type { Logger } from './lib/logger.js';
import type { RateLimits } from './limits/rate-limits.js';
import type { MessageService } from './messages/message-service.js';
import type { PresenceService } from './presence/presence-service.js';
import type { RankingService } from './ranking/ranking-service.js';
import type { RoomService } from './rooms/room-service.js';
import type { ChatSettings } from './settings/chat-settings.js';
import type { Viewer } from './visitors/visitor.js';
import type { VisitorService } from './visitors/visitor-service.js';
import type { TokenTerm } from './visitors/visitor-token.js';

/**
 * So much of messages, in UTF-16 code units, is told in one answer: more than the largest page of the longest. Their
 * length is not known to the cost of a document, and fifteen such pages kept the server busy for as long as a hundred
 * usual ones.
 */
const MAX_TEXT = 1_000_000;

/** What the domains offer; made once by `createApp`. */
export interface Services {
  readonly messages: MessageService;
  readonly rooms: RoomService;
  readonly visitors: VisitorService;
  readonly presence: PresenceService;
  readonly ranking: RankingService;
  readonly limits: RateLimits;
  readonly settings: ChatSettings;
}

/** All that a resolver may touch. Made once per operation, the same way on every transport. */
export interface Context {
  /** Null for a request without a token, and in a shared execution, which has no viewer. */
  readonly viewer: Viewer | null;
  readonly services: Services;
  /** Batch and remember reads, for this operation (or this shared event) only. */
  readonly loaders: Loaders;
  readonly log: Logger;
  /** Goes with every error of this operation and its log lines. */
  readonly requestId: string;
  /** The client's address as rate limits count it (IPv6 by /64). */
  readonly address: string;
  /** Tells the connection that a fresh token was issued over it: a socket lives as long as that one holds. */
  readonly tokenIssued: (token: TokenTerm) => void;
  /**
   * Counts what is told of a message. Rejects with CodedError `OPERATION_TOO_COMPLEX` when that is too much for one
   * answer: late, as all that stands in a list must fail (see `Room.messages`).
   */
  tell(text: string): string | Promise<never>;
  /** The context of another execution of the same operation: what was told in vain does not count. */
  again(): Context;
  /** Aborts at the deadline of this operation, which all its store calls share. */
  readonly signal: AbortSignal;
}

/** What a context is made from. */
export interface ContextParts extends Omit<Context, 'loaders' | 'requestId' | 'tell' | 'again'> {
  readonly ids: Pick<Ids, 'uuid'>;
}

/**
 * A context; what is often not needed is made on first use. It is a class for the sake of its getters: an object
 * literal with getters has a hidden class of its own, which V8 keeps, with everything that the getters reach, until
 * the next major collection. That was the whole of every operation, and 5 MB a second.
 */
class OperationContext implements Context {
  readonly viewer: Viewer | null;
  readonly services: Services;
  readonly log: Logger;
  readonly address: string;
  readonly tokenIssued: (token: TokenTerm) => void;
  readonly signal: AbortSignal;
  readonly #ids: Pick<Ids, 'uuid'>;
  #loaders: Loaders | undefined;
  #requestId: string | undefined;
  #told = 0;

  constructor({ viewer, services, log, address, tokenIssued, signal, ids }: ContextParts) {
    this.viewer = viewer;
    this.services = services;
    this.log = log;
    this.address = address;
    this.tokenIssued = tokenIssued;
    this.signal = signal;
    this.#ids = ids;
  }

  get loaders(): Loaders {
    return (this.#loaders ??= createLoaders(this.services, this.signal));
  }

  tell(text: string): string | Promise<never> {
    this.#told += text.length;
    if (this.#told <= MAX_TEXT) return text;
    return Promise.reject(
      new CodedError('OPERATION_TOO_COMPLEX', 'The answer is too long. Ask for smaller pages.'),
    );
  }

  again(): Context {
    const { viewer, services, log, address, tokenIssued, signal } = this;
    const ids = { uuid: () => this.requestId };
    const context = new OperationContext({ viewer, services, log, address, tokenIssued, signal, ids });
    context.#loaders = this.#loaders;
    return context;
  }

  get requestId(): string {
    return (this.#requestId ??= this.#ids.uuid());
  }
}

/** Makes the context of one operation. */
export const createContext = (parts: ContextParts): Context => new OperationContext(parts);
