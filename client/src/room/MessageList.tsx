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
import { atNewest, bounds, NEWEST, newerWindow, olderWindow } from './message-window.js';
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
  const [shown, setShown] = useState(NEWEST);
  const { phase, messages, names, hasOlder, loadingOlder } = state;
  const first = messages[0]?.number ?? 1;
  const last = messages.at(-1)?.number ?? 0;
  const { from, to } = bounds(shown, first, last);

  const lines = useMemo(() => {
    const onPage = messages.slice(from - first, to - first + 1);
    return listMessages(onPage, names, to === last ? notYetListed(entries, roomId, messages) : [], viewer);
  }, [messages, names, entries, roomId, viewer, from, to, first, last]);

  const wantOlder = useCallback(
    (atEnd: boolean) => {
      if (from > first) {
        if (!atEnd) setShown((now) => olderWindow(now, first, last));
      } else if (hasOlder) {
        // Held where it is: the page that comes goes above, and comes into view step by step.
        if (!atEnd) setShown((now) => (now.from === from && now.to === to ? now : { from, to }));
        room.loadOlder();
      }
    },
    [room, from, to, first, last, hasOlder],
  );
  const wantNewer = useCallback(
    (atEnd: boolean) => {
      if (to < last) setShown((now) => newerWindow(now, first, last));
      else if (atEnd) setShown(atNewest);
    },
    [to, first, last],
  );
  const { log, atEnd, onScroll, toEnd } = useScroll(wantOlder, wantNewer);
  const jump = useCallback(() => {
    setShown(NEWEST);
    toEnd();
  }, [toEnd]);

  const following = atEnd && to === last;
  useEffect(() => {
    if (following && visible && phase !== 'loading') unread.markRead(roomId, last);
  }, [following, phase, last, visible, unread, roomId]);
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
    phase === 'loading'
      ? texts.loading
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
        {lines.map(({ key, dayBegins, ...line }) => (
          <Fragment key={key}>
            {dayBegins && <DaySeparator date={new Date(line.time)} />}
            <Message anchor={key} {...line} />
          </Fragment>
        ))}
      </div>
      {!following && (
        <button type="button" className="jump" onClick={jump}>
          {texts.jumpToNewest}
          {fresh > 0 && <span className="jump-count"> {texts.newMessages(fresh)}</span>}
        </button>
      )}
    </div>
  );
}
