import { useCallback, useEffect, useId, useRef, useState, type ChangeEvent, type KeyboardEvent } from 'react';
import { useSettingsQuery } from '../__generated__/operations.js';
import { useChat } from '../session/chat-context.js';
import { hasKeyboard } from '../ui/has-keyboard.js';
import { useTexts } from '../ui/language.js';
import { createEnterRule } from './composition-enter.js';
import { fitHeight } from './fit-height.js';

/** From this share of the longest text on, the length is shown. */
const SHOW_LENGTH_FROM = 0.8;
/** A composition that has not ended so long after its Enter, in milliseconds, is one that no Enter ends. */
const HOLD_MS = 100;

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
    const element = field.current;
    // Browsers begin before a text that was there from the start: one writes on behind it.
    element?.setSelectionRange(element.value.length, element.value.length);
    if (element !== null) fitHeight(element);
    if (hasKeyboard()) element?.focus();
  }, []);

  const keep = useCallback(
    (text: string) => {
      setLength(lengthOf(text));
      if (field.current !== null) fitHeight(field.current);
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

  const [rule] = useState(() => createEnterRule({ onScreen: !hasKeyboard() }));
  /** The timer of a text that an Enter has sent off, and whose composition has only just ended, or is to. */
  const leaving = useRef<number>(undefined);

  /** Sends such a text now: what is typed next is no part of it. */
  function sendLeaving(): void {
    if (leaving.current === undefined) return;
    window.clearTimeout(leaving.current);
    leaving.current = undefined;
    rule.sent();
    send();
  }

  function leaveIn(ms: number): void {
    window.clearTimeout(leaving.current);
    leaving.current = window.setTimeout(sendLeaving, ms);
  }

  function onKeyDown(event: KeyboardEvent): void {
    const { key, shiftKey, timeStamp, keyCode, nativeEvent } = event;
    if (key !== 'Enter') sendLeaving();
    const verdict = rule.keyDown({ key, shiftKey, timeStamp, keyCode, isComposing: nativeEvent.isComposing });
    if (verdict !== 'pass') event.preventDefault();
    if (verdict === 'send') send();
    if (verdict === 'hold') leaveIn(HOLD_MS);
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
        onCompositionStart={() => {
          sendLeaving();
          rule.compositionStart();
        }}
        onCompositionUpdate={({ data: composed }) => rule.compositionUpdate(composed)}
        onCompositionEnd={({ data: composed, timeStamp }) => {
          // Some browsers put the last syllable into the field only after this event.
          if (rule.compositionEnd(composed, timeStamp)) leaveIn(0);
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

/** Putting more marks in a row in order takes the square of their number, and the server refuses them. */
const ENDLESS_MARKS = /\p{M}{31}/u;

/** Length in Unicode code points, as the server counts: in NFC and without white space at its ends. */
function lengthOf(text: string): number {
  let length = 0;
  for (const _ of (ENDLESS_MARKS.test(text) ? text : text.normalize('NFC')).trim()) length += 1;
  return length;
}
