import { CodedError } from '../lib/coded-error.js';

/** A revision of the ranking: which order a cursor was taken from. */
export interface Revision {
  readonly epoch: string;
  readonly revision: number;
}

/**
 * What a cursor of the room list says: where to resume its changes, or behind which room of the pinned part, or
 * of the part below it, a page ended.
 */
export type RankingCursor = Revision &
  (
    | { readonly kind: 'resume'; readonly first: number }
    | { readonly kind: 'pinned'; readonly place: number }
    | { readonly kind: 'below'; readonly createdAt: number; readonly roomId: string }
  );

const VERSION = 'r1';
/** Longer texts are no cursors of ours. */
const MAX_CURSOR_LENGTH = 256;
const EPOCH = /^[0-9a-z]{1,40}$/;
const NUMBER = /^(0|[1-9]\d{0,14})$/;
const ROOM_ID = /^[0-9A-Za-z-]{1,64}$/;

const badCursor = (): CodedError => new CodedError('BAD_CURSOR', 'This is not a cursor of the room list.');

/** The text of a cursor: opaque to clients, and the same for the same cursor. */
export function encodeRankingCursor(cursor: RankingCursor): string {
  const parts = [VERSION, cursor.kind, cursor.epoch, cursor.revision];
  if (cursor.kind === 'resume') parts.push(cursor.first);
  else if (cursor.kind === 'pinned') parts.push(cursor.place);
  else parts.push(cursor.createdAt, cursor.roomId);
  return Buffer.from(parts.join(' ')).toString('base64url');
}

/** @throws CodedError `BAD_CURSOR` for anything but what `encodeRankingCursor` makes. */
export function decodeRankingCursor(text: string): RankingCursor {
  if (text.length > MAX_CURSOR_LENGTH) throw badCursor();
  const [version, kind, epoch = '', ...numbers] = Buffer.from(text, 'base64url')
    .toString('latin1')
    .split(' ');
  const [revision = '', at = '', roomId = ''] = numbers;
  if (version !== VERSION || !EPOCH.test(epoch) || !NUMBER.test(revision) || !NUMBER.test(at))
    throw badCursor();
  const from = { epoch, revision: Number(revision) };
  let cursor: RankingCursor;
  if (kind === 'resume') cursor = { kind, ...from, first: Number(at) };
  else if (kind === 'pinned') cursor = { kind, ...from, place: Number(at) };
  else if (kind === 'below' && ROOM_ID.test(roomId))
    cursor = { kind, ...from, createdAt: Number(at), roomId };
  else throw badCursor();
  if (encodeRankingCursor(cursor) !== text) throw badCursor();
  return cursor;
}
