/** Types whose objects can be fetched by `node`. */
export type NodeType = 'Room' | 'Visitor' | 'Message';

/** What a global identifier stands for. */
export type NodeRef =
  | { readonly type: 'Room' | 'Visitor'; readonly id: string }
  | { readonly type: 'Message'; readonly roomId: string; readonly number: number };

const MAX_ID_LENGTH = 1024;
const NUMBER = /^[1-9]\d{0,15}$/;

/** Makes the identifier of an object: opaque outside, unique across types. */
export const toGlobalId = (type: NodeType, id: string): string =>
  Buffer.from(`${type}:${id}`).toString('base64url');

export const messageGlobalId = (roomId: string, number: number): string =>
  toGlobalId('Message', `${roomId}:${number}`);

/** Reads an identifier. Null for a malformed one: it is an id of nothing. */
export function fromGlobalId(globalId: string): NodeRef | null {
  if (globalId.length > MAX_ID_LENGTH) return null;
  const text = Buffer.from(globalId, 'base64url').toString();
  const [type = '', ...parts] = text.split(':');
  const ref = refOf(type, parts);
  // A second spelling of the same id would be a second identity in a normalised cache.
  return ref !== null && Buffer.from(text).toString('base64url') === globalId ? ref : null;
}

function refOf(type: string, [id = '', number, ...rest]: readonly string[]): NodeRef | null {
  if (id === '' || rest.length > 0) return null;
  if (type === 'Room' || type === 'Visitor') return number === undefined ? { type, id } : null;
  if (type !== 'Message' || number === undefined || !NUMBER.test(number)) return null;
  return Number.isSafeInteger(Number(number)) ? { type, roomId: id, number: Number(number) } : null;
}

/** The room behind an identifier, or null when it is not one of a room. */
export function roomIdOf(globalId: string): string | null {
  const ref = fromGlobalId(globalId);
  return ref?.type === 'Room' ? ref.id : null;
}
