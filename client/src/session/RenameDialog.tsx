import { useState } from 'react';
import { useRenameViewerMutation } from '../__generated__/operations.js';
import { Dialog } from '../ui/Dialog.js';
import { useTexts } from '../ui/language.js';
import { TextField } from '../ui/TextField.js';
import { ThemeChoice } from '../ui/ThemeChoice.js';
import { problemText } from '../ui/texts.js';
import { useShown } from '../ui/use-shown.js';
import { useChat } from './chat-context.js';

/** Asks for another name. */
export function RenameDialog({ name, onClose }: { name: string; onClose: () => void }) {
  const texts = useTexts();
  const { socket, toldName } = useChat();
  const [displayName, setDisplayName] = useState(name);
  const [problem, setProblem] = useState<string | null>(null);
  const shown = useShown();
  const [{ fetching }, rename] = useRenameViewerMutation();

  async function save(): Promise<void> {
    if (socket.state.get() !== 'connected') {
      setProblem(texts.noConnection);
      return;
    }
    const { data } = await rename({ input: { displayName } });
    const [refusal] = data?.renameViewer?.userErrors ?? [];
    const renamed = data?.renameViewer?.visitor;
    if (renamed != null) toldName.tell(renamed.displayName);
    // Closed meanwhile: one that was opened since is not this one.
    if (!shown.current) return;
    if (refusal !== undefined) setProblem(problemText(texts, refusal));
    else if (renamed == null) setProblem(texts.unavailable);
    else onClose();
  }

  return (
    <Dialog
      title={texts.youAre(name)}
      submitLabel={texts.save}
      isBusy={fetching}
      onSubmit={save}
      onClose={onClose}
    >
      <TextField label={texts.displayName} value={displayName} onChange={setDisplayName} problem={problem} />
      <ThemeChoice />
    </Dialog>
  );
}
