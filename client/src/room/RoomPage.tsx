import { useEffect } from 'react';
import { useRoomHeaderQuery } from '../__generated__/operations.js';
import { useTexts } from '../ui/language.js';
import { Name } from '../ui/Name.js';
import { RoomLink } from '../ui/RoomLink.js';
import { useSelected } from '../ui/use-readable.js';
import { MessageComposer } from './MessageComposer.js';
import { MessageList } from './MessageList.js';
import { SendingPause } from './SendingPause.js';
import { useFollowedRoom } from './use-followed-room.js';
import { useFreshCounts } from './use-fresh-counts.js';

/** An open room, or word that there is none. */
export function RoomPage({ roomId }: { roomId: string }) {
  const room = useFollowedRoom(roomId);
  const texts = useTexts();
  const phase = useSelected(room.state, (state) => state.phase);
  const [{ data }] = useRoomHeaderQuery({
    variables: { id: roomId },
    requestPolicy: 'cache-and-network',
  });
  const header = data?.room;
  useFreshCounts(roomId);
  const name = header?.name;
  useEffect(() => {
    if (name !== undefined) document.title = `${name} · Madang`;
    return () => {
      document.title = 'Madang';
    };
  }, [name]);

  if (phase === 'missing') {
    return (
      <div className="empty" role="alert">
        <h1 tabIndex={-1}>{texts.roomNotFound}</h1>
        <p>{texts.roomNotFoundHint}</p>
        <RoomLink roomId={null}>{texts.allRooms}</RoomLink>
      </div>
    );
  }
  return (
    <section className="room" aria-busy={phase === 'loading'}>
      <header className="room-head">
        <RoomLink roomId={null} className="back" aria-label={texts.allRooms}>
          <span aria-hidden="true">←</span>
        </RoomLink>
        <h1 tabIndex={-1}>{name === undefined ? texts.loading : <Name>{name}</Name>}</h1>
        {header != null && (
          <p className="room-counts">
            <span>{texts.online(header.onlineCount)}</span>
            <span>{texts.recentVisitors(header.recentVisitorCount)}</span>
          </p>
        )}
      </header>
      <MessageList room={room} roomId={roomId} />
      {(phase === 'failed' || phase === 'ended') && (
        <p className="notice" role="alert">
          {texts.roomFailed}{' '}
          <button type="button" className="button-small" onClick={() => room.restart()}>
            {texts.tryAgain}
          </button>
        </p>
      )}
      <SendingPause roomId={roomId} />
      <MessageComposer roomId={roomId} />
    </section>
  );
}
