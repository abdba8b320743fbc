/** On every answer. */
export const COMMON_HEADERS: Readonly<Record<string, string>> = {
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
};

/** The same, names and values in turn: given all together, headers cost less than set one by one. */
export const COMMON_HEADER_LINES: readonly string[] = Object.entries(COMMON_HEADERS).flat();

/** On every page and asset. HSTS is the affair of the proxy that ends TLS. */
export const PAGE_HEADERS: Readonly<Record<string, string>> = {
  ...COMMON_HEADERS,
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'permissions-policy': 'camera=(), geolocation=(), microphone=(), payment=(), usb=()',
  'x-frame-options': 'DENY',
};

const policy = (directives: readonly string[]): string => directives.join('; ');

/** 'self' does not cover sockets in every browser, so they are named by the host that was asked. */
const connectSources = (host: string): string => `connect-src 'self' ws://${host} wss://${host}`;

const CLOSED = ["base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'"];

/** For the web client: nothing but its own files, and no script made of text. */
export const clientPolicy = (host: string): string =>
  policy([
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self' data:",
    "font-src 'self'",
    connectSources(host),
    "manifest-src 'self'",
    "worker-src 'self'",
    'trusted-types madang',
    "require-trusted-types-for 'script'",
    ...CLOSED,
  ]);

/** For GraphiQL: one inline script, known by its hash, its editor's workers and the styles they make. */
export const graphiqlPolicy = (host: string, scriptHash: string): string =>
  policy([
    "default-src 'none'",
    `script-src '${scriptHash}' blob:`,
    "style-src 'unsafe-inline'",
    "img-src 'self' data:",
    'font-src data:',
    connectSources(host),
    'worker-src blob:',
    ...CLOSED,
  ]);
