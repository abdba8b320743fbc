import { useState } from 'react';
import { useCreateRoomMutation } from '../__generated__/operations.js';
import { useChat } from '../session/chat-context.js';
import { Dialog } from '../ui/Dialog.js';
import { useTexts } from '../ui/language.js';
import { RoomLink } from '../ui/RoomLink.js';
import { TextField } from '../ui/TextField.js';
import { problemText } from '../ui/texts.js';
import { useShown } from '../ui/use-shown.js';

interface Problem {
  readonly text: string;
  readonly existingRoomId: string | null;
}

/** Asks for a name, makes the room and opens it; offers to open the room that has the name already. */
export function NewRoomDialog({ onClose }: { onClose: () => void }) {
  const texts = useTexts();
  const { router, socket } = useChat();
  const [name, setName] = useState('');
  const [problem, setProblem] = useState<Problem | null>(null);
  const shown = useShown();
  const [{ fetching }, createRoom] = useCreateRoomMutation();

  async function create(): Promise<void> {
    if (socket.state.get() !== 'connected') {
      setProblem({ text: texts.noConnection, existingRoomId: null });
      return;
    }
    const { data } = await createRoom({ input: { name } });
    if (!shown.current) return;
    const [refusal] = data?.createRoom?.userErrors ?? [];
    const room = data?.createRoom?.room;
    if (refusal !== undefined) {
      setProblem({ text: problemText(texts, refusal), existingRoomId: refusal.existingRoom?.id ?? null });
    } else if (room == null) {
      setProblem({ text: texts.unavailable, existingRoomId: null });
    } else {
      onClose();
      router.open(router.href(room.id));
    }
  }

  return (
    <Dialog
      title={texts.newRoom}
      submitLabel={texts.create}
      isBusy={fetching}
      onSubmit={create}
      onClose={onClose}
    >
      <TextField
        label={texts.roomName}
        value={name}
        onChange={setName}
        problem={
          problem && (
            <>
              {problem.text}{' '}
              {problem.existingRoomId !== null && (
                <RoomLink roomId={problem.existingRoomId} onClick={onClose}>
                  {texts.openRoom}
                </RoomLink>
              )}
            </>
          )
        }
      />
    </Dialog>
  );
}
