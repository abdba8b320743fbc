/**
 * Keeps the page and its files, so that the client starts without a network. The network comes first for the page, so
 * that a new version is never kept from anybody; its files have names of their own, so what is kept of them is right.
 */
const CACHE = 'madang-client';
/** A network that has not given the page after so many milliseconds is taken for none. */
const PATIENCE_MS = 3000;
const PAGE = new URL('./', self.location.href).href;
const HASHED = `${PAGE}assets/`;

/** Whether an address is the client's own, with or without the slash at its end, or lies below it. */
const isOurs = (url) => url.startsWith(PAGE) || `${url.split(/[?#]/, 1)}/` === PAGE;

/** Addresses of the files that the page names, those below the client alone. */
function filesOf(html) {
  return Array.from(html.matchAll(/(?:src|href)="([^"]+)"/g), ([, path]) => new URL(path, PAGE).href).filter(
    (href) => href.startsWith(PAGE),
  );
}

/** One after another: of two versions that came at once, each would let the other's files go. */
const keep = (page) => navigator.locks.request(`${CACHE} ${PAGE}`, () => put(page));

/** Keeps the page once all its files are kept, and lets those of older versions go. */
async function put(page) {
  const cache = await caches.open(CACHE);
  // The cache is that of the whole address, where other clients may lie below other paths.
  const held = (await cache.keys()).map(({ url }) => url).filter((url) => url.startsWith(PAGE));
  const wanted = filesOf(await page.clone().text());
  await cache.addAll(wanted.filter((url) => !(url.startsWith(HASHED) && held.includes(url))));
  await cache.put(PAGE, page);
  const old = held.filter((url) => url !== PAGE && !wanted.includes(url));
  await Promise.all(old.map((url) => cache.delete(url)));
}

/** Whether an answer is that of a server, or of what lies before it, that has none just now. */
const isBusy = ({ status }) => status === 429 || status >= 500;

async function page(fresh) {
  const kept = await caches.match(PAGE);
  if (kept === undefined) return fresh;
  const good = fresh.then((response) => (isBusy(response) ? kept : response));
  const late = new Promise((resolve) => {
    setTimeout(() => resolve(kept), PATIENCE_MS);
  });
  return Promise.race([good, late]).catch(() => kept);
}

self.addEventListener('install', (event) => {
  void self.skipWaiting();
  // A server that is busy just now must not cost the worker: the next page load keeps what is missing.
  event.waitUntil(
    fetch(PAGE)
      .then((response) => (response.ok ? keep(response) : undefined))
      .catch(() => {}),
  );
});

self.addEventListener('activate', (event) => event.waitUntil(self.clients.claim()));

self.addEventListener('fetch', (event) => {
  const { request } = event;
  if (request.method !== 'GET' || !isOurs(request.url)) return;
  if (request.mode === 'navigate') {
    const fresh = fetch(request);
    const isPage = (response) => response.ok && response.headers.get('content-type')?.startsWith('text/html');
    const keeping = fresh.then((response) => (isPage(response) ? keep(response.clone()) : undefined));
    event.waitUntil(keeping.catch(() => {}));
    event.respondWith(page(fresh));
  } else if (request.url !== self.location.href) {
    event.respondWith(caches.match(request).then((kept) => kept ?? fetch(request)));
  }
});
