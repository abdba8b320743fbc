import { useTexts } from '../ui/language.js';
import { useReadable } from '../ui/use-readable.js';
import { useChat } from './chat-context.js';

/** Says how the connection is, and how much waits for it. */
export function ConnectionStatus() {
  const { socket, outbox } = useChat();
  const texts = useTexts();
  const state = useReadable(socket.state);
  const entries = useReadable(outbox.entries);
  const waiting = entries.filter(({ number, failure }) => number === null && failure === null).length;
  return (
    <div className="connection" data-state={state}>
      <span className="connection-dot" aria-hidden="true" />
      <output aria-label={texts[state]} className="connection-text">
        {texts[state]}
      </output>
      {state !== 'connected' && waiting > 0 && (
        <span className="connection-queue">{texts.waiting(waiting)}</span>
      )}
      {state === 'closed' && (
        <button type="button" className="button-small" onClick={() => window.location.reload()}>
          {texts.reload}
        </button>
      )}
    </div>
  );
}
