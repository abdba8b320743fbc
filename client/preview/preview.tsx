/**
 * Every state of the client, from fixtures, for those who work on it: `npm run dev` shows it at
 * `/client/preview.html`, and one state at `#NAME`. It is no part of the built client.
 */
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { Provider } from 'urql';
import { App } from '../src/App.js';
import type { Chat } from '../src/session/chat.js';
import { ChatContext } from '../src/session/chat-context.js';
import { LanguageProvider } from '../src/ui/language.js';
import '../src/styles.js';
import { openScene } from './open-scene.js';
import { SCENES } from './scenes.js';

const element = document.getElementById('root');
if (element === null) throw new Error('The page has no element #root.');
const root = createRoot(element);

function Contents() {
  return (
    <main className="empty">
      <h1>Preview</h1>
      <ul>
        {Object.entries(SCENES).map(([name, { title }]) => (
          <li key={name}>
            <a href={`#${name}`}>{title}</a>
          </li>
        ))}
      </ul>
    </main>
  );
}

function Scene({ chat }: { chat: Chat }) {
  return (
    <ChatContext value={chat}>
      <Provider value={chat.client}>
        <LanguageProvider>
          <App />
        </LanguageProvider>
      </Provider>
    </ChatContext>
  );
}

async function show(): Promise<void> {
  const name = decodeURIComponent(window.location.hash.slice(1));
  const scene = SCENES[name];
  const page = scene === undefined ? <Contents /> : <Scene key={name} chat={await openScene(scene)} />;
  root.render(<StrictMode>{page}</StrictMode>);
  document.documentElement.dataset['scene'] = name;
}

window.addEventListener('hashchange', () => void show());
void show();
