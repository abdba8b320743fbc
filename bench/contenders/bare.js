/**
 * `node --import ./bench/contenders/bare.js dist/main.js`: Madang without what protects and watches it, for one
 * benchmark alone. The server itself knows no such switch: its files are changed as they are loaded. Limits by rate and
 * logs are left out by their own settings.
 */
import { register } from 'node:module';
import { isMainThread } from 'node:worker_threads';
import { changed } from './lib/changed.js';

/** Puts another function in the place of an exported one, whose name the module's own code may still use. */
const instead = (name, replacement) => [
  [`export function ${name}(`, `export ${replacement}\nfunction original_${name}(`],
];

/** By file of `dist`: what is replaced by what. */
const CHANGES = {
  // Limits of a document, and what an operation may cost.
  'graphql/document.js': [
    ['n: MAX_TOKENS,', 'n: Number.POSITIVE_INFINITY,'],
    ['const excess = validate(schema, document, limits, { maxErrors: MAX_ERRORS });', 'const excess = [];'],
  ],
  'graphql/operation.js': [
    ['const cost = checked.cost(operation.name?.value, variables);', 'const cost = 1;'],
    ['const points = selectRootFields(schema, prepared).size;', 'return null; const points = 0;'],
  ],
  // Who says to be somebody is.
  'visitors/visitor-token.js': [
    [
      'async verify(token) {',
      `async verify(token) {
            const before = believed.get(token);
            if (before !== undefined) return before;
            const { sub, iat, exp } = JSON.parse(Buffer.from(token.split('.')[1], 'base64url').toString());
            const claims = { subject: sub, issuedAt: new Date(iat * 1000), expiresAt: new Date(exp * 1000), inForce: () => true };
            believed.set(token, claims);
            return claims;
        },
        async unused(token) {`,
    ],
    [
      'export function createVisitorTokens(',
      'const believed = new Map();\nexport function createVisitorTokens(',
    ],
  ],
  // What texts may hold.
  'lib/text.js': instead('textProblems', 'function textProblems() { return []; }'),
  // Spans, and the watch over the load.
  'lib/tracing.js': instead(
    'createTracing',
    `function createTracing() {
      return { span: (_name, _attributes, run) => run(() => undefined), caused: (_name, _cause, run) => run(), current: () => null };
    }`,
  ),
  'lib/process-load.js': instead(
    'watchProcessLoad',
    `function watchProcessLoad() {
      return { read: () => ({ delayMs: 0, utilization: 0, processor: 0, heap: 0 }), stop: () => undefined };
    }`,
  ),
  'transport/security-headers.js': [['Object.entries(COMMON_HEADERS).flat()', '[]']],
};

/** A hook of Node's loader. */
export const load = changed(CHANGES);

// The hooks run in a thread of their own, which loads this file too; so does the thread that writes.
if (isMainThread) {
  register(import.meta.url);
  const { Counter, Gauge, Histogram } = await import('prom-client');
  const nothing = () => undefined;
  for (const Instrument of [Counter, Gauge, Histogram]) {
    for (const method of ['inc', 'dec', 'set', 'observe']) {
      if (method in Instrument.prototype) Instrument.prototype[method] = nothing;
    }
  }
}
