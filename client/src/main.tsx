import { StrictMode, type ReactNode } from 'react';
import { createRoot } from 'react-dom/client';
import { Provider } from 'urql';
import { App } from './App.js';
import { Broken } from './session/Broken.js';
import { openChat } from './session/chat.js';
import { ChatContext } from './session/chat-context.js';
import { LanguageProvider } from './ui/language.js';
import { startOffline } from './ui/offline.js';
import './styles.js';

// This file lies one folder below the client's own address, built or not, whatever path the server is under.
const here = import.meta.url;
const base = new URL('..', here);
const chat = openChat(base);
startOffline(window, base);
const root = document.getElementById('root');
if (root === null) throw new Error('The page has no element #root.');

const withLanguage = (page: ReactNode) => (
  <StrictMode>
    <LanguageProvider>{page}</LanguageProvider>
  </StrictMode>
);
const page = createRoot(root, {
  // React has taken everything away by now: better a word than an empty page.
  onUncaughtError(error) {
    reportError(error);
    chat.forget();
    page.render(withLanguage(<Broken />));
  },
});
page.render(
  withLanguage(
    <ChatContext value={chat}>
      <Provider value={chat.client}>
        <App />
      </Provider>
    </ChatContext>,
  ),
);
