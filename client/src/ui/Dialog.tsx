import { useEffect, useId, useRef, type ReactNode } from 'react';
import { useChat } from '../session/chat-context.js';

/**
 * A modal dialog that is open while it is rendered. Escape closes it, and so does another route; the focus goes back to
 * where it was.
 */
export function Dialog({
  title,
  onClose,
  children,
}: {
  title: string;
  onClose: () => void;
  children: ReactNode;
}) {
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
      {children}
    </dialog>
  );
}
