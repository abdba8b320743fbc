import { useState, type FormEvent } from 'react';
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

  async function create(event: FormEvent): Promise<void> {
    event.preventDefault();
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
    <Dialog title={texts.newRoom} onClose={onClose}>
      <form onSubmit={(event) => void create(event)}>
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
        <div className="dialog-buttons">
          <button type="button" onClick={onClose}>
            {texts.cancel}
          </button>
          <button type="submit" className="primary" disabled={fetching}>
            {texts.create}
          </button>
        </div>
      </form>
    </Dialog>
  );
}
