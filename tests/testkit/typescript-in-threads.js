import { isMainThread } from 'node:worker_threads';

// Preload with `--import`. Vitest makes JavaScript of what it runs; a thread of the embedded store has to do that for
// itself. The main thread goes without: there every import would take a detour through the loader.
if (!isMainThread) {
  const { register } = await import('tsx/esm/api');
  register();
}
