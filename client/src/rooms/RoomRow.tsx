import { memo } from 'react';
import { unreadCount } from '../../kit/index.js';
import type { RoomRowFragment } from '../__generated__/operations.js';
import { useChat } from '../session/chat-context.js';
import { Avatar } from '../ui/Avatar.js';
import { useTexts } from '../ui/language.js';
import { Name } from '../ui/Name.js';
import { RoomLink } from '../ui/RoomLink.js';
import { useSelected } from '../ui/use-readable.js';

/** One room of the list: its name, then visitors, unread, newest message; always of one height. */
export const RoomRow = memo(function RoomRow({ room, current }: { room: RoomRowFragment; current: boolean }) {
  const texts = useTexts();
  const { lastRead } = useChat().unread;
  const unread = useSelected(lastRead, (read) => unreadCount(read, room.id, room.messageCount));
  const { latestMessage } = room;
  return (
    <li>
      <RoomLink roomId={room.id} className="room-row" aria-current={current ? 'page' : undefined}>
        <Avatar id={room.id} name={room.name} />
        <span className="room-row-name">
          <Name>{room.name}</Name>
        </span>{' '}
        <span className="room-row-visitors">{texts.recentVisitors(room.recentVisitorCount)}</span>{' '}
        {unread > 0 && <span className="room-row-unread">{texts.unread(unread)}</span>}{' '}
        <span className="room-row-latest">
          {latestMessage === null ? (
            texts.noMessagesYet
          ) : latestMessage.text === '' ? (
            texts.removed
          ) : (
            <>
              <Name className="room-row-author">{latestMessage.author.displayName}</Name>:{' '}
              <bdi>{latestMessage.text}</bdi>
            </>
          )}
        </span>
      </RoomLink>
    </li>
  );
});
