const KEY_BYTES = 16;

/** A key that nobody else makes. Browsers have `crypto.randomUUID` on secure addresses alone; not all chats have one. */
export const makeKey = (): string =>
  Array.from(crypto.getRandomValues(new Uint8Array(KEY_BYTES)), (byte) =>
    byte.toString(16).padStart(2, '0'),
  ).join('');
