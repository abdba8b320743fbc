import { useChat } from '../session/chat-context.js';
import { useTexts } from '../ui/language.js';
import { passFocusTo } from '../ui/pass-focus.js';
import { useSelected } from '../ui/use-readable.js';

const toLog = passFocusTo(() => document.querySelector<HTMLElement>('[role=log]'));

/** Leads from older messages to the newest, and says how many of those were not read yet. */
export function JumpToNewest({
  roomId,
  newest,
  onJump,
}: {
  roomId: string;
  newest: number;
  onJump: () => void;
}) {
  const texts = useTexts();
  const { unread } = useChat();
  const fresh = useSelected(unread.lastRead, (lastRead) => newest - (lastRead.get(roomId) ?? newest));
  return (
    <button type="button" className="jump" ref={toLog} onClick={onJump}>
      {texts.jumpToNewest}
      {fresh > 0 && <span className="jump-count"> {texts.newMessages(fresh)}</span>}
    </button>
  );
}
