import { useCallback, useRef, useState, type KeyboardEvent } from 'react';
import { useShownRoomsQuery, type RoomRowFragment } from '../__generated__/operations.js';
import { useChat } from '../session/chat-context.js';
import { useTexts } from '../ui/language.js';
import { LONGEST_LINE } from '../ui/TextField.js';
import { useRoute } from '../ui/use-route.js';
import { useReadable } from '../ui/use-readable.js';
import { WATCHED_ROOMS } from './watched-rooms.js';
import { NewRoomDialog } from './NewRoomDialog.js';
import { ListEnd } from './ListEnd.js';
import { RoomRow } from './RoomRow.js';
import { moveFocus } from './move-focus.js';
import { useGlide } from './use-glide.js';
import { useLookingAgain } from './use-looking-again.js';
import { useMoreRooms } from './use-more-rooms.js';
import { useRoomByName } from './use-room-by-name.js';
import { useStillOrder } from './use-still-order.js';

/** This close to the lower end of what is held, in CSS pixels, more rooms are read. */
const NEAR_END_PX = 800;

const NO_ROOMS: never[] = [];

/** The rooms in the order of the ranking. It keeps still while a pointer or the keyboard's focus is in it. */
export function RoomList() {
  const texts = useTexts();
  const { roomList } = useChat();
  const { roomId } = useRoute();
  const { phase } = useReadable(roomList.state);
  const [{ data }] = useShownRoomsQuery({ variables: { first: WATCHED_ROOMS }, requestPolicy: 'cache-only' });
  const [search, setSearch] = useState('');
  const [creating, setCreating] = useState(false);
  const { rooms: listed, more, wantMore, readAgain } = useMoreRooms(data?.rooms?.nodes ?? NO_ROOMS);
  const { rooms, rest } = useStillOrder<RoomRowFragment>(listed);
  const wanted = fold(search);
  const found = wanted === '' ? rooms : rooms.filter(({ name }) => fold(name).includes(wanted));
  // Below what is held there is one more that can be found, by its whole name.
  const { named, asking } = useRoomByName(more ? wanted : '');
  const shown = named === null || found.some(({ id }) => id === named.id) ? found : [named, ...found];
  const close = useCallback(() => setCreating(false), []);
  const nav = useRef<HTMLElement>(null);
  const list = useRef<HTMLUListElement>(null);
  const order = shown.map(({ id }) => id);
  const settle = useGlide(list, order);
  const scrolled = useLookingAgain(list, order, (inView) => void readAgain(inView));

  function onKeyDown(event: KeyboardEvent): void {
    // While something is composed in the search, the arrows choose among candidates.
    if (event.nativeEvent.isComposing || nav.current === null) return;
    if (moveFocus(nav.current, event.key)) event.preventDefault();
  }

  return (
    // The arrow keys go from row to row, and between the first one and the search.
    <nav className="rooms" aria-label={texts.rooms} ref={nav} onKeyDown={onKeyDown}>
      <div className="rooms-top">
        <input
          type="search"
          aria-label={texts.searchRooms}
          placeholder={texts.searchRooms}
          maxLength={LONGEST_LINE}
          value={search}
          onChange={(event) => setSearch(event.target.value)}
        />
        <button type="button" className="primary" onClick={() => setCreating(true)}>
          {texts.newRoom}
        </button>
      </div>
      <ul
        className="rooms-list"
        ref={list}
        onScroll={({ currentTarget: { scrollHeight, scrollTop, clientHeight } }) => {
          scrolled();
          if (scrollHeight - scrollTop - clientHeight < NEAR_END_PX) wantMore();
        }}
        onPointerEnter={({ pointerType }) => {
          settle();
          rest('pointer', pointerType !== 'touch');
        }}
        onPointerLeave={() => rest('pointer', false)}
        // A focus that a click left behind does not count, only the keyboard's.
        onFocus={({ target }) => rest('focus', target.matches(':focus-visible'))}
        onBlur={() => rest('focus', false)}
      >
        {shown.map((room) => (
          <RoomRow key={room.id} room={room} current={room.id === roomId} />
        ))}
      </ul>
      <ListEnd
        shown={shown.length}
        held={rooms.length}
        searching={wanted !== ''}
        loading={asking || phase === 'loading'}
        failed={phase === 'failed' || phase === 'ended'}
        more={more}
        onMore={wantMore}
      />
      {creating && <NewRoomDialog onClose={close} />}
    </nav>
  );
}

/** Names are compared without case and without the differences of NFKC. */
function fold(name: string): string {
  return name.normalize('NFKC').toLowerCase().trim();
}
