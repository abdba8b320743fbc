import { useEffect, useId, useRef, type ReactNode } from 'react';
import { useChat } from '../session/chat-context.js';
import { useTexts } from './language.js';

/**
 * A modal dialog that asks for something, open while it is rendered. Escape closes it, and so does another route; the
 * focus goes back to where it was.
 */
export function Dialog({
  title,
  submitLabel,
  isBusy,
  onSubmit,
  onClose,
  children,
}: {
  title: string;
  submitLabel: string;
  /** What was submitted is under way: nothing else is until it is answered. */
  isBusy: boolean;
  onSubmit: () => Promise<void>;
  onClose: () => void;
  children: ReactNode;
}) {
  const texts = useTexts();
  const dialog = useRef<HTMLDialogElement>(null);
  const heading = useId();
  const { router } = useChat();
  useEffect(() => router.watch(onClose), [router, onClose]);
  useEffect(() => {
    const element = dialog.current;
    const before = document.activeElement;
    element?.showModal();
    return () => {
      element?.close();
      if (before instanceof HTMLElement) before.focus();
    };
  }, []);
  return (
    <dialog ref={dialog} className="dialog" aria-labelledby={heading} onCancel={onClose}>
      <h2 id={heading}>{title}</h2>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void onSubmit();
        }}
      >
        {children}
        <div className="dialog-buttons">
          <button type="button" onClick={onClose}>
            {texts.cancel}
          </button>
          <button type="submit" className="primary" disabled={isBusy}>
            {submitLabel}
          </button>
        </div>
      </form>
    </dialog>
  );
}
