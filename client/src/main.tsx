import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { Provider } from 'urql';
import { App } from './App.js';
import { openChat } from './session/chat.js';
import { ChatContext } from './session/chat-context.js';
import { LanguageProvider } from './ui/language.js';
import { startOffline } from './ui/offline.js';
import './ui/tokens.css';
import './ui/base.css';
import './ui/layout.css';
import './rooms/rooms.css';
import './room/room.css';

// This file lies one folder below the client's own address, built or not, whatever path the server is under.
const here = import.meta.url;
const base = new URL('..', here);
// The address with the slash is the one that can be installed and opened without a network.
if (`${window.location.pathname}/` === base.pathname) {
  window.history.replaceState(null, '', base.pathname + window.location.search);
}
const chat = openChat(base);
startOffline(window, base);
const root = document.getElementById('root');
if (root === null) throw new Error('The page has no element #root.');
createRoot(root).render(
  <StrictMode>
    <ChatContext value={chat}>
      <Provider value={chat.client}>
        <LanguageProvider>
          <App />
        </LanguageProvider>
      </Provider>
    </ChatContext>
  </StrictMode>,
);
