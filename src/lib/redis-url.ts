/** Whether ioredis can read what it looks at only when it connects: user, password, and the number of a database. */
export function isReadByDriver({ username, password, pathname }: URL): boolean {
  try {
    decodeURIComponent(username);
    decodeURIComponent(password);
  } catch {
    return false;
  }
  return /^\/?\d*$/.test(pathname);
}
