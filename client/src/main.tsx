import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { Provider } from 'urql';
import { App } from './App.js';
import { openChat } from './session/chat.js';
import { ChatContext } from './session/chat-context.js';
import { LanguageProvider } from './ui/language.js';
import './ui/tokens.css';
import './ui/base.css';
import './ui/layout.css';
import './rooms/rooms.css';
import './room/room.css';

// This file lies one folder below the client's own address, built or not, whatever path the server is under.
const here = import.meta.url;
const chat = openChat(new URL('..', here));
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
