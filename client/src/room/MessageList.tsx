import { Fragment, useCallback, useEffect, useMemo, useState } from 'react';
import { notYetListed, type FollowedRoom } from '../../kit/index.js';
import { useViewerQuery } from '../__generated__/operations.js';
import { useChat } from '../session/chat-context.js';
import { useTexts } from '../ui/language.js';
import { usePageVisible } from '../ui/use-page-visible.js';
import { useReadable } from '../ui/use-readable.js';
import { DaySeparator } from './DaySeparator.js';
import { listMessages } from './listed.js';
import { Message } from './Message.js';
import {
  atNewest,
  bounds,
  NEWEST,
  newerWindow,
  olderWindow,
  unreadWindow,
  type MessageWindow,
} from './message-window.js';
import { UNREAD_ANCHOR, UnreadSeparator } from './UnreadSeparator.js';
import { useOpening } from './use-opening.js';
import { useScroll } from './use-scroll.js';

/** The messages of a room, and one's own that are still on their way. Follows the newest until scrolled up. */
export function MessageList({ room, roomId }: { room: FollowedRoom; roomId: string }) {
  const texts = useTexts();
  const { outbox, unread } = useChat();
  const state = useReadable(room.state);
  const entries = useReadable(outbox.entries);
  const lastRead = useReadable(unread.lastRead);
  const visible = usePageVisible();
  const [{ data }] = useViewerQuery();
  const viewer = data?.viewer ?? null;
  const { phase, messages, names, hasOlder, loadingOlder } = state;
  const first = messages[0]?.number ?? 1;
  const last = messages.at(-1)?.number ?? 0;
  const opening = useOpening(roomId, room, state);
  const opened = opening !== null;
  const firstUnread = opening?.firstUnread ?? null;
  const [moved, setMoved] = useState<MessageWindow | null>(null);
  const shown = moved ?? (firstUnread === null ? NEWEST : unreadWindow(firstUnread, first, last));
  const { from, to } = bounds(shown, first, last);

  const lines = useMemo(() => {
    if (!opened && messages.length > 0) return [];
    const onPage = messages.slice(from - first, to - first + 1);
    return listMessages(onPage, names, to === last ? notYetListed(entries, roomId, messages) : [], viewer);
  }, [messages, names, entries, roomId, viewer, from, to, first, last, opened]);

  const wantOlder = useCallback(
    (atEnd: boolean) => {
      if (!opened) return;
      if (from > first) {
        if (!atEnd) setMoved(olderWindow(shown, first, last));
      } else if (hasOlder) {
        // Held where it is: the page that comes goes above, and comes into view step by step.
        if (!atEnd) setMoved((now) => (now?.from === from && now.to === to ? now : { from, to }));
        room.loadOlder();
      }
    },
    [room, opened, shown, setMoved, from, to, first, last, hasOlder],
  );
  const wantNewer = useCallback(
    (atEnd: boolean) => {
      if (!opened) return;
      if (to < last) setMoved(newerWindow(shown, first, last));
      else if (atEnd) setMoved(atNewest);
    },
    [opened, shown, setMoved, to, first, last],
  );
  const { log, atEnd, isAtEnd, onScroll, toEnd } = useScroll(
    wantOlder,
    wantNewer,
    firstUnread === null ? null : UNREAD_ANCHOR,
  );
  const jump = useCallback(() => {
    setMoved(NEWEST);
    toEnd();
  }, [setMoved, toEnd]);

  const following = atEnd && to === last;
  useEffect(() => {
    if (following && isAtEnd() && visible && opened) unread.markRead(roomId, last);
  }, [following, isAtEnd, opened, last, visible, unread, roomId]);
  useEffect(() => {
    if (entries.some(({ number }) => number !== null)) outbox.delivered(roomId, last);
  }, [outbox, roomId, last, entries]);
  // One's own message is shown wherever the reader was.
  useEffect(() => {
    const newestOwn = () => outbox.entries.get().findLast((entry) => entry.roomId === roomId)?.writtenAt ?? 0;
    let before = newestOwn();
    return outbox.entries.watch(() => {
      const now = newestOwn();
      if (now > before) jump();
      before = now;
    });
  }, [outbox, roomId, jump]);

  const edge =
    !opened || (phase === 'loading' && messages.length === 0)
      ? texts.loading
      : phase === 'loading'
        ? texts.asLastRead
        : loadingOlder
          ? texts.loadingOlder
          : hasOlder || from > first
            ? null
            : texts.beginning;
  const fresh = last - (lastRead.get(roomId) ?? last);
  return (
    <div className="messages">
      <div className="log" role="log" aria-label={texts.messages} tabIndex={0} ref={log} onScroll={onScroll}>
        {edge !== null && <p className="log-edge">{edge}</p>}
        {lines.map(({ key, dayBegins, number, ...line }) => (
          <Fragment key={key}>
            {dayBegins && <DaySeparator date={new Date(line.time)} />}
            {number !== null && number === firstUnread && <UnreadSeparator />}
            <Message anchor={key} {...line} />
          </Fragment>
        ))}
      </div>
      {!following && opened && (
        <button type="button" className="jump" onClick={jump}>
          {texts.jumpToNewest}
          {fresh > 0 && <span className="jump-count"> {texts.newMessages(fresh)}</span>}
        </button>
      )}
    </div>
  );
}
