/** Codes of `UserErrorCode`: what a mutation refuses about its own input or pace. */
export type ProblemCode =
  | 'INVALID_INPUT'
  | 'ROOM_NOT_FOUND'
  | 'ROOM_NAME_TAKEN'
  | 'IDEMPOTENCY_CONFLICT'
  | 'RATE_LIMITED'
  | 'FORBIDDEN';

/** Something the caller of a mutation can fix; becomes one `UserError`. */
export interface Problem {
  readonly code: ProblemCode;
  /** English, fit to be shown. */
  readonly message: string;
  /** Name of the input field it is about, if it is about one. */
  readonly field?: string;
  /** With `RATE_LIMITED` only. */
  readonly retryAfterMs?: number;
  /** With `ROOM_NAME_TAKEN` only: identifier of the room that has the name. */
  readonly existingRoomId?: string;
}

/** What a command of a service gives: its value, or every problem it found. Never both. */
export type Result<Value> =
  | { readonly ok: true; readonly value: Value }
  | { readonly ok: false; readonly problems: readonly [Problem, ...Problem[]] };

export const succeed = <Value>(value: Value): Result<Value> => ({ ok: true, value });

export const refuse = (...problems: [Problem, ...Problem[]]): Result<never> => ({ ok: false, problems });
