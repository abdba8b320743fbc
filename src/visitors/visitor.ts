import { createHash } from 'node:crypto';

/** Who a request or socket acts for: a visitor, as its token says. It may not be stored yet. */
export interface Viewer {
  readonly id: string;
  readonly createdAt: Date;
}

/** A viewer of a socket: there are many, and a number is a sixth of a `Date`. */
class LeanViewer implements Viewer {
  readonly id: string;
  readonly #createdAt: number;

  constructor(id: string, createdAt: number) {
    this.id = id;
    this.#createdAt = createdAt;
  }

  get createdAt(): Date {
    return new Date(this.#createdAt);
  }
}

/** @param createdAt - in milliseconds since the epoch. */
export const createViewer = (id: string, createdAt: number): Viewer => new LeanViewer(id, createdAt);

/** A visitor as others see it. */
export interface Visitor {
  readonly id: string;
  readonly createdAt: Date;
  /** The present name: the chosen one, else the one made from the id. */
  readonly displayName: string;
}

const ADJECTIVES =
  'Amber Bold Brave Bright Calm Clever Cosy Eager Early Fair Fond Gentle Glad Golden Green Happy Honest Jolly Kind Light Lively Lucky Merry Mild Noble Patient Proud Quick Quiet Silver Sunny Warm'.split(
    ' ',
  );
const ANIMALS =
  'Badger Bear Crane Deer Dove Eagle Falcon Finch Fox Goat Goose Hare Hawk Heron Ibis Koala Lark Lynx Magpie Marten Mole Otter Owl Panda Raven Robin Seal Stork Swan Tiger Whale Wren'.split(
    ' ',
  );
/** Three digits keep two visitors with the same animal apart. */
const SUFFIXES = 1000;

/**
 * The name of a visitor that has not chosen one: always the same for the same id, on every instance and after
 * every restart.
 */
export function nameFromId(id: string, maxLength: number): string {
  const digest = createHash('sha256').update(id).digest();
  const pick = (words: readonly string[], at: number): string =>
    words[digest.readUInt16BE(at) % words.length] ?? '';
  const suffix = String(digest.readUInt16BE(4) % SUFFIXES).padStart(3, '0');
  return `${pick(ADJECTIVES, 0)} ${pick(ANIMALS, 2)} ${suffix}`.slice(0, maxLength).trim();
}

const UUID_V7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

/** When an id was made, in milliseconds since the epoch: a UUID v7 begins with it (RFC 9562, 5.7). Null for another kind of id. */
export const timeOfId = (id: string): number | null =>
  UUID_V7.test(id) ? Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16) : null;
