import { useChat } from '../session/chat-context.js';
import { useTexts, useTimes } from '../ui/language.js';
import { useReadable } from '../ui/use-readable.js';
import { exactTime } from './times.js';

/** Says when sending goes on, while the server asks to wait with it. */
export function SendingPause({ roomId }: { roomId: string }) {
  const { outbox } = useChat();
  const texts = useTexts();
  const times = useTimes();
  const until = useReadable(outbox.pauses).get(roomId);
  return until === undefined ? null : (
    <p className="notice" role="alert">
      {texts.paused(exactTime(times, new Date(until)))}
    </p>
  );
}
