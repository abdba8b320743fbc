/** A site of somebody else with the chat under /chat, for the test beside this folder. */
import { createServer } from 'node:http';
import { createApp, loadConfig } from 'madang';

const server = createServer((request, response) => {
  if (!request.url?.startsWith('/chat')) response.end('the rest of the site');
});
const app = createApp(loadConfig({ DATA_DIR: process.env['DATA_DIR'], LOG_LEVEL: 'error' }), {
  server,
  basePath: '/chat',
  identify(request) {
    const user = request.headers['x-user'];
    return typeof user === 'string' ? { subject: user, displayName: `The ${user}` } : null;
  },
});
await app.start();
server.listen(0, '127.0.0.1', () => {
  const address = server.address();
  if (typeof address === 'object') console.log(`http://127.0.0.1:${address?.port}`);
});
process.once('SIGUSR2', () => void app.stop().then(() => console.log('the chat is over')));
