import { useCallback, useEffect, useMemo, useState } from 'react';
import { Virtualizer } from 'virtua';
import { notYetListed, type FollowedRoom } from '../../kit/index.js';
import { useViewerQuery } from '../__generated__/operations.js';
import { useChat } from '../session/chat-context.js';
import { useTexts, useTimes } from '../ui/language.js';
import { usePageVisible } from '../ui/use-page-visible.js';
import { useReadable } from '../ui/use-readable.js';
import { JumpToNewest } from './JumpToNewest.js';
import { createLineElements } from './line-elements.js';
import { listItems, timeOf, type Item } from './listed.js';
import { useBoundedHold } from './use-bounded-hold.js';
import { useContinuity } from './use-continuity.js';
import { useKeptLines } from './use-kept-lines.js';
import { useOneEnd } from './use-one-end.js';
import { useOpening } from './use-opening.js';
import { useQuiet } from './use-quiet.js';
import { useScroll } from './use-scroll.js';

/** Further than the view, in CSS pixels, lines are on the page on the side to which it is scrolled. */
const AHEAD_PX = 1500;
/** The messages of a room, and one's own that are still on their way. Follows the newest until scrolled up. */
export function MessageList({ room, roomId }: { room: FollowedRoom; roomId: string }) {
  const texts = useTexts();
  const { zone } = useTimes();
  const { outbox, unread } = useChat();
  const state = useReadable(room.state);
  const entries = useReadable(outbox.entries);
  const visible = usePageVisible();
  const [{ data }] = useViewerQuery();
  const viewer = data?.viewer ?? null;
  const { phase, names, hasOlder, loadingOlder, hasNewer, newest } = state;
  const { shown: messages, showAll } = useOneEnd(state.messages);
  const first = messages[0]?.number ?? 1;
  const last = messages.at(-1)?.number ?? 0;
  const { opening, openAnew } = useOpening(roomId, room, { ...state, messages });
  const opened = opening !== null;
  const firstUnread = opening?.firstUnread ?? null;

  const items = useMemo(
    () => listItems(messages, hasNewer ? [] : notYetListed(entries, roomId, messages)),
    [messages, hasNewer, entries, roomId],
  );
  const timeBefore = (index: number) => {
    const before = items[index - 1];
    return before === undefined ? null : timeOf(before);
  };
  const { shift, edition } = useContinuity({ first, last, length: items.length });

  const wantOlder = useCallback(() => {
    if (opened && hasOlder) room.loadOlder();
  }, [room, opened, hasOlder]);
  const scroll = useScroll(room, wantOlder, opening, showAll);
  const { log, lines, atEnd, isAtEnd, lineInView, onScroll, onResize, toEnd } = scroll;
  const toNewest = useCallback(() => {
    if (room.state.get().hasNewer) room.restart();
    toEnd();
  }, [room, toEnd]);
  const [openedEdition, setOpenedEdition] = useState(edition);
  if (edition !== openedEdition) {
    setOpenedEdition(edition);
    // What was read is gone: where the unread begin is the nearest to it.
    if (opened && !atEnd) openAnew();
  }
  const quietUpTo = useQuiet(atEnd && opened, newest);
  const [elementOf] = useState(createLineElements);
  const { keptLines, ...focus } = useKeptLines(items, viewer, atEnd);

  useEffect(() => {
    if (atEnd && isAtEnd() && visible && opened) unread.markRead(roomId, last);
  }, [atEnd, isAtEnd, opened, last, visible, unread, roomId]);
  useBoundedHold(room, { messages, opened, atEnd, isAtEnd, lineInView });
  useEffect(() => {
    if (entries.some(({ number }) => number !== null)) outbox.delivered(roomId, last);
  }, [outbox, roomId, last, entries]);
  // One's own message is shown wherever the reader was.
  useEffect(() => {
    const newestOwn = () => outbox.entries.get().findLast((entry) => entry.roomId === roomId)?.writtenAt ?? 0;
    let before = newestOwn();
    return outbox.entries.watch(() => {
      const now = newestOwn();
      if (now > before) toNewest();
      before = now;
    });
  }, [outbox, roomId, toNewest]);

  const edge =
    !opened || (phase === 'loading' && messages.length === 0)
      ? texts.loading
      : phase === 'loading'
        ? texts.asLastRead
        : loadingOlder
          ? texts.loadingOlder
          : hasOlder
            ? ''
            : texts.beginning;
  return (
    <div className="messages">
      <div
        className="log"
        role="log"
        aria-label={texts.messages}
        tabIndex={0}
        ref={log}
        onScroll={onScroll}
        {...focus}
      >
        {items.length === 0 || (!opened && messages.length > 0) ? (
          <p className="log-edge">{edge}</p>
        ) : (
          <Virtualizer<Item>
            key={edition}
            ref={lines}
            data={items}
            shift={shift}
            bufferSize={AHEAD_PX}
            keepMounted={keptLines}
            onResize={onResize}
          >
            {(item, index) =>
              elementOf(item, {
                timeBefore: timeBefore(index),
                names,
                viewer,
                zone,
                edge: index === 0 ? edge : null,
                unreadBegins: item.number !== null && item.number === firstUnread,
                quiet: item.number !== null && item.number <= quietUpTo,
              })
            }
          </Virtualizer>
        )}
      </div>
      {!atEnd && opened && <JumpToNewest roomId={roomId} newest={newest} onJump={toNewest} />}
    </div>
  );
}
