import { fileURLToPath } from 'node:url';
import react from '@vitejs/plugin-react';
import { defineConfig, type Plugin } from 'vite';

/** Where `npm run dev` starts the server of this repository. */
const DEVELOPMENT_SERVER = `http://localhost:${process.env['PORT'] ?? '8000'}`;

const BASE = '/client/';

/** Answers the address without the slash as the server of this repository does. */
const withoutSlash: Plugin = {
  name: 'client-without-slash',
  configureServer({ middlewares }) {
    middlewares.use((request, _response, next) => {
      const [path, query] = (request.url ?? '').split('?', 2);
      if (`${path}/` === BASE) request.url = query === undefined ? BASE : `${BASE}?${query}`;
      next();
    });
  },
};

/**
 * Builds the web client to `dist/client`. Addresses in `index.html` begin with `/client/`; a server with a
 * BASE_PATH puts it in front of them when it serves that file. Everything else finds its place at run time.
 */
export default defineConfig(({ command }) => {
  // A build is for users whatever the shell has: a test run sets "test", and the client would lose its service worker.
  if (command === 'build') process.env['NODE_ENV'] = 'production';
  return {
    root: fileURLToPath(new URL('.', import.meta.url)),
    base: BASE,
    plugins: [react(), withoutSlash],
    build: {
      outDir: fileURLToPath(new URL('../dist/client', import.meta.url)),
      emptyOutDir: true,
      // What the bundle holds of others asks to be named wherever it goes, and a minifier drops their words.
      license: { fileName: 'licenses.txt' },
      target: ['chrome111', 'firefox114', 'safari16.4'],
      // Nothing inline: the policy of the page allows scripts, styles and pictures from its own files alone.
      assetsInlineLimit: 0,
      modulePreload: { polyfill: false },
    },
    server: { proxy: { '/graphql': { target: DEVELOPMENT_SERVER, ws: true } } },
  };
});
