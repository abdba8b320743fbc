import { VISITOR_CHANGED } from '../../kit/index.js';
import { useChat } from '../session/chat-context.js';
import { useTexts } from '../ui/language.js';
import { hasKeyboard } from '../ui/has-keyboard.js';
import { passFocusTo } from '../ui/pass-focus.js';
import { problemText } from '../ui/texts.js';

/** How sending a message goes: on its way while `failure` is null. */
export interface Delivery {
  readonly key: string;
  readonly failure: { readonly code: string; readonly message: string } | null;
}

/** From what is done with to another message that was not sent, else to where one goes on. */
const toNext = passFocusTo(() => {
  const done = document.activeElement?.closest('article');
  const buttons = Array.from(document.querySelectorAll<HTMLElement>('.delivery-failed button'));
  const goOn = hasKeyboard() ? '.composer textarea' : '[role=log]';
  return buttons.find((button) => button.closest('article') !== done) ?? document.querySelector(goOn);
});

/** Says that a message is on its way, or why it was not sent, with what can be done. */
export function Unsent({ delivery: { key, failure } }: { delivery: Delivery }) {
  const texts = useTexts();
  const { outbox } = useChat();
  const label = failure === null ? texts.sending : texts.notSent;
  return (
    <footer className={failure === null ? 'delivery' : 'delivery delivery-failed'}>
      <output aria-label={label}>{label}</output>
      {failure !== null && (
        <>
          <span className="delivery-reason">
            {failure.code === VISITOR_CHANGED ? texts.visitorChanged : problemText(texts, failure)}
          </span>
          <button type="button" className="button-small" ref={toNext} onClick={() => outbox.retry(key)}>
            {texts.retry}
          </button>
          <button type="button" className="button-small" ref={toNext} onClick={() => outbox.discard(key)}>
            {texts.discard}
          </button>
        </>
      )}
    </footer>
  );
}
