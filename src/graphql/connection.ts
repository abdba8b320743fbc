import { CodedError } from '../lib/coded-error.js';
import type { LogRange } from '../log/log.js';

/** Most items of one page; a larger one is refused by the field itself, whatever it would cost. */
export const MAX_PAGE_SIZE = 100;
export const DEFAULT_PAGE_SIZE = 20;

/**
 * Checks the size of a page; null means the default of 20.
 *
 * @throws CodedError `BAD_USER_INPUT` outside 1 to 100.
 */
export function pageSize(argument: string, size: number | null | undefined): number {
  const given = size ?? DEFAULT_PAGE_SIZE;
  if (given < 1 || given > MAX_PAGE_SIZE) {
    throw new CodedError('BAD_USER_INPUT', `"${argument}" must be from 1 to ${MAX_PAGE_SIZE}, not ${given}.`);
  }
  return given;
}

/**
 * Reads Relay's four paging arguments; without `first` and `last` it is the newest page.
 *
 * @throws CodedError `BAD_USER_INPUT` for both together or a size out of range.
 */
export function pageRange(args: {
  first?: number | null | undefined;
  after?: string | null | undefined;
  last?: number | null | undefined;
  before?: string | null | undefined;
}): LogRange {
  const first = args.first ?? null;
  const last = args.last ?? null;
  if (first !== null && last !== null) {
    throw new CodedError('BAD_USER_INPUT', 'Give "first" or "last", not both.');
  }
  const take = first === null ? 'last' : 'first';
  return {
    take,
    count: pageSize(take, first ?? last),
    after: args.after ?? null,
    before: args.before ?? null,
  };
}
