import { createHash } from 'node:crypto';

/** So many characters of a hash tell any two files apart. */
const LENGTH = 27;

/** The `ETag` of a file. */
export const etagOf = (body: Buffer): string =>
  `"${createHash('sha256').update(body).digest('base64url').slice(0, LENGTH)}"`;
