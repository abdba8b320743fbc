import type { SqlValue } from './database.js';

/** One statement, run once per row, in order, up to the first row that a constraint refuses. */
export interface Write {
  readonly sql: string;
  readonly rows: readonly (readonly SqlValue[])[];
}

/** What became of one write. It is durable when it is known. */
export interface Written {
  /** How many rows were run. Fewer than given only with `refused`. */
  readonly done: number;
  /** How many rows of the tables changed. */
  readonly changes: number;
  /** SQLite's words about the constraint that refused row `done`, or null. */
  readonly refused: string | null;
}

/** The fate of each write of a group, or of the whole group when its transaction failed. */
export type GroupOutcome =
  | { readonly kind: 'committed'; readonly writes: readonly (Written | { readonly failed: string })[] }
  | { readonly kind: 'failed'; readonly reason: string };

export type ToWorker =
  { readonly kind: 'group'; readonly writes: readonly Write[] } | { readonly kind: 'close' };

export type FromWorker = { readonly kind: 'ready' } | GroupOutcome;
