import { useState } from 'react';
import { useTexts } from '../ui/language.js';
import { useReadable } from '../ui/use-readable.js';
import { useChat } from './chat-context.js';

/** Says that the server refused the token of this visitor, who is a fresh guest since; until it is closed. */
export function ReplacedNotice() {
  const { socket } = useChat();
  const texts = useTexts();
  const replaced = useReadable(socket.replaced);
  const [seen, setSeen] = useState(0);
  return replaced === seen ? null : (
    <p role="alert" className="notice">
      {texts.replaced}{' '}
      <button type="button" className="button-small" onClick={() => setSeen(replaced)}>
        {texts.close}
      </button>
    </p>
  );
}
