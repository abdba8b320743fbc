import { useCallback, useEffect, useId, useRef, useState, type ChangeEvent, type KeyboardEvent } from 'react';
import { useSettingsQuery } from '../__generated__/operations.js';
import { useChat } from '../session/chat-context.js';
import { hasKeyboard } from '../ui/has-keyboard.js';
import { useTexts } from '../ui/language.js';
import { createEnterRule } from './composition-enter.js';

/** From this share of the longest text on, the length is shown. */
const SHOW_LENGTH_FROM = 0.8;

/** Writes a message: Enter sends, Shift+Enter breaks the line. What is typed survives another room and a reload. */
export function MessageComposer({ roomId }: { roomId: string }) {
  const texts = useTexts();
  const { outbox, storage } = useChat();
  const [{ data }] = useSettingsQuery({ requestPolicy: 'cache-and-network' });
  const most = data?.settings?.maxMessageLength ?? Infinity;
  const field = useRef<HTMLTextAreaElement>(null);
  const draftKey = `draft.${roomId}`;
  const [initial] = useState(() => storage.get(draftKey) ?? '');
  const [length, setLength] = useState(() => lengthOf(initial));
  const tooLong = length > most;
  const showsLength = length > most * SHOW_LENGTH_FROM;
  const lengthId = useId();

  useEffect(() => {
    if (hasKeyboard()) field.current?.focus();
  }, []);

  const keep = useCallback(
    (text: string) => {
      setLength(lengthOf(text));
      if (text === '') storage.remove(draftKey);
      else storage.set(draftKey, text);
    },
    [storage, draftKey],
  );

  const send = useCallback(() => {
    const element = field.current;
    if (element === null) return;
    const text = element.value;
    if (text.trim() === '' || lengthOf(text) > most) return;
    outbox.send(roomId, text.trim());
    element.value = '';
    keep('');
    element.focus();
  }, [outbox, roomId, most, keep]);

  const [rule] = useState(createEnterRule);

  function onKeyDown(event: KeyboardEvent): void {
    const { key, shiftKey, timeStamp, keyCode, nativeEvent } = event;
    const verdict = rule.keyDown({ key, shiftKey, timeStamp, keyCode, isComposing: nativeEvent.isComposing });
    if (verdict !== 'pass') event.preventDefault();
    if (verdict === 'send') send();
  }

  return (
    <form
      className="composer"
      onSubmit={(event) => {
        event.preventDefault();
        send();
      }}
    >
      <textarea
        ref={field}
        aria-label={texts.message}
        aria-invalid={tooLong}
        aria-describedby={showsLength ? lengthId : undefined}
        placeholder={texts.messageHint}
        rows={1}
        dir="auto"
        enterKeyHint="send"
        defaultValue={initial}
        onChange={(event: ChangeEvent<HTMLTextAreaElement>) => keep(event.target.value)}
        onKeyDown={onKeyDown}
        onKeyUp={({ key }) => rule.keyUp(key)}
        onCompositionStart={() => rule.compositionStart()}
        onCompositionUpdate={({ data: composed }) => rule.compositionUpdate(composed)}
        onCompositionEnd={({ data: composed, timeStamp }) => {
          // Some browsers put the last syllable into the field only after this event.
          if (rule.compositionEnd(composed, timeStamp)) setTimeout(send, 0);
        }}
      />
      {showsLength && (
        <span
          className={tooLong ? 'length length-over' : 'length'}
          id={lengthId}
          role={tooLong ? 'status' : undefined}
        >
          {texts.tooLong(length, most)}
        </span>
      )}
      <button type="submit" className="primary" disabled={length === 0 || tooLong}>
        {texts.send}
      </button>
    </form>
  );
}

/** Length in Unicode code points after trimming, as the server counts. */
function lengthOf(text: string): number {
  let length = 0;
  for (const _ of text.trim()) length += 1;
  return length;
}
