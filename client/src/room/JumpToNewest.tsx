import { useChat } from '../session/chat-context.js';
import { useTexts } from '../ui/language.js';
import { useSelected } from '../ui/use-readable.js';

/** Leads from older messages to the newest, and says how many of those were not read yet. */
export function JumpToNewest({ roomId, last, onJump }: { roomId: string; last: number; onJump: () => void }) {
  const texts = useTexts();
  const { unread } = useChat();
  const fresh = useSelected(unread.lastRead, (lastRead) => last - (lastRead.get(roomId) ?? last));
  return (
    <button type="button" className="jump" onClick={onJump}>
      {texts.jumpToNewest}
      {fresh > 0 && <span className="jump-count"> {texts.newMessages(fresh)}</span>}
    </button>
  );
}
