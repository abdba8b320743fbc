import { useTexts } from '../ui/language.js';
import { useReadable } from '../ui/use-readable.js';
import { useChat } from './chat-context.js';

/** Says that the server refused the token of this visitor, who is a fresh guest since. */
export function ReplacedNotice() {
  const { socket } = useChat();
  const texts = useTexts();
  const replaced = useReadable(socket.replaced);
  return replaced === 0 ? null : (
    <p role="alert" className="notice">
      {texts.replaced}
    </p>
  );
}
