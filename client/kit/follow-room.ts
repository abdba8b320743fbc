import { namesAmong, withNames } from './author-names.js';
import type { Connection } from './connection.js';
import { followMessages } from './documents.js';
import { systemEnvironment, type Environment } from './environment.js';
import type { FollowMessagesSubscription } from './__generated__/operations.js';
import type { KeptMessages } from './kept-messages.js';
import { keepSoon } from './keep-soon.js';
import { keepSubscribed } from './keep-subscribed.js';
import { createPageMarks } from './page-marks.js';
import { createPageReads } from './page-reads.js';
import { remedyFor } from './request-error.js';
import { roomPages, type RoomPage } from './room-pages.js';
import { EMPTY_ROOM, type RoomMessage, type RoomState } from './room-state.js';
import { createStore, type Readable } from './store.js';

type Event = FollowMessagesSubscription['messageAdded'];

/**
 * Follows one room: its newest page, then every message after it, exactly once and in order, over reconnects and
 * restarts, until `stop`. Being open counts the visitor as online in the room.
 * When the server skips (`skippedCount`), or a cursor is of no use any more, what is held is replaced by the newest
 * messages; `loadOlder` reaches the rest.
 */
export type FollowedRoom = ReturnType<typeof followRoom>;

export function followRoom({
  connection,
  roomId,
  kept,
  environment = systemEnvironment,
}: {
  connection: Connection;
  roomId: string;
  /** Shown, with `loading`, until there is an answer; and kept up to date. */
  kept?: KeptMessages;
  environment?: Environment;
}) {
  const state = createStore(EMPTY_ROOM);
  const update = (part: Partial<RoomState>) => state.set({ ...state.get(), ...part });
  /** Of older and newer pages, one at a time. */
  const reads = createPageReads(environment, (error) => {
    if (remedyFor(error) === 'newest') return beginAnew();
    end();
    update({ phase: 'failed', loadingOlder: false, loadingNewer: false, problem: error });
  });
  const pages = roomPages(connection, roomId);
  let resumeCursor: string | null = null;
  let oldestCursor: string | null = null;
  const marks = createPageMarks();
  /** The newest message that came. */
  let last = 0;
  /** The last message held while that is not the newest. */
  let heldEnd: { readonly number: number; readonly cursor: string } | null = null;
  const keeping = keepSoon(environment, () => {
    if (state.get().phase === 'ready') kept?.write(roomId, state.get().messages).catch(() => {});
  });
  let stopped = false;

  async function showKept(): Promise<void> {
    const messages = (await kept?.read(roomId).catch(() => [])) ?? [];
    if (!reads.isFirst() || state.get().phase !== 'loading') return;
    update({ messages, names: learn(messages), newest: messages.at(-1)?.number ?? 0 });
  }

  function replace(messages: readonly RoomMessage[], oldest: string | null, hasOlder: boolean): void {
    reads.drop();
    heldEnd = null;
    oldestCursor = oldest;
    marks.clear();
    marks.add(messages[0]?.number ?? 0, oldest);
    last = messages.at(-1)?.number ?? 0;
    update({
      phase: 'ready',
      messages,
      hasOlder,
      loadingOlder: false,
      hasNewer: false,
      loadingNewer: false,
      newest: last,
      names: learn(messages),
      problem: null,
    });
    keeping.now();
  }

  const learn = (messages: readonly RoomMessage[]) => withNames(state.get().names, messages);

  function take({ cursor, message, skippedCount }: Event): 'taken' | 'repeat' | 'gap' {
    if (message.number <= last) return 'repeat';
    // How many were dropped of a room that is empty is not known.
    if (last > 0 && message.number !== last + skippedCount + 1) return 'gap';
    resumeCursor = cursor;
    if (heldEnd !== null) {
      last = message.number;
      const names = state.get().names.has(message.author.id) ? learn([message]) : state.get().names;
      update({ newest: last, names, problem: null });
    } else if (message.number > last + 1) {
      replace([message], cursor, true);
      loadOlder();
    } else {
      marks.pass(message.number, cursor);
      last = message.number;
      const messages = [...state.get().messages, message];
      update({ messages, names: learn([message]), newest: last, problem: null });
      if (kept !== undefined) keeping.soon();
    }
    return 'taken';
  }

  const mayRead = () => {
    const { phase, loadingOlder, loadingNewer } = state.get();
    return !stopped && phase === 'ready' && !loadingOlder && !loadingNewer;
  };

  function loadOlder(): void {
    if (!mayRead() || !state.get().hasOlder) return;
    update({ loadingOlder: true });
    reads.read(
      () => pages.before(oldestCursor),
      (page) => {
        const { messages } = state.get();
        const first = messages[0]?.number ?? last + 1;
        const older = (page?.nodes ?? []).filter(({ number }) => number < first);
        oldestCursor = page?.pageInfo.startCursor ?? oldestCursor;
        marks.add(older[0]?.number ?? first, oldestCursor);
        update({
          messages: [...older, ...messages],
          names: learn(older),
          hasOlder: older.length > 0 && (page?.pageInfo.hasPreviousPage ?? false),
          loadingOlder: false,
        });
      },
    );
  }

  function loadNewer(): void {
    if (!mayRead() || heldEnd === null) return;
    const { number, cursor } = heldEnd;
    update({ loadingNewer: true });
    reads.read(
      () => pages.behind(cursor),
      (page) => {
        const newer = page?.nodes ?? [];
        const begin = newer[0]?.number ?? last + 1;
        // What comes next was dropped meanwhile.
        if (begin !== number + 1) return beginAnew();
        const heldTo = { number: newer.at(-1)?.number ?? number, cursor: page?.pageInfo.endCursor ?? cursor };
        marks.add(heldTo.number, heldTo.cursor);
        heldEnd = heldTo.number < last ? heldTo : null;
        if (heldEnd === null) {
          last = heldTo.number;
          resumeCursor = heldTo.cursor;
        }
        update({
          messages: [...state.get().messages, ...newer],
          names: learn(newer),
          hasNewer: heldEnd !== null,
          loadingNewer: false,
          newest: last,
        });
        if (heldEnd === null && kept !== undefined) keeping.soon();
      },
    );
  }

  const begin = () =>
    keepSubscribed<RoomPage, Event>(
      {
        readNewest: () => pages.before(null),
        replace(page) {
          resumeCursor = page.resumeCursor;
          replace(page.nodes, page.pageInfo.startCursor, page.pageInfo.hasPreviousPage);
        },
        open: (sink) =>
          connection.subscribe(followMessages, () => ({ roomId, after: resumeCursor }), {
            ...sink,
            next: ({ messageAdded }) => sink.next(messageAdded),
          }),
        take,
        problem: (problem) => update({ problem }),
        over: (phase, problem) => update({ phase, problem }),
      },
      environment,
    );
  let end = begin();
  void showKept();

  /** Until the newest page is there, what is held ends where it did; who asks for the newest has left it. */
  function beginAnew(hasNewer = state.get().hasNewer): void {
    if (stopped) return;
    end();
    reads.drop();
    heldEnd = null;
    // Where it points, what is held does not end.
    resumeCursor = null;
    update({ loadingOlder: false, hasNewer, loadingNewer: false });
    end = begin();
  }

  return {
    state: state as Readable<RoomState>,
    /** Reads the page before the first message held, trying until it is there; does nothing while a page is read. */
    loadOlder,
    /**
     * Lets go of new messages, so that who reads older ones for long does not fill the memory: at least the `count`
     * oldest stay, and what comes is counted in `newest` alone. `loadNewer` reads the others, and goes on following once
     * it reaches the newest; so does `restart`, at once. Does nothing while newer ones are being read, or fewer are held.
     */
    keepOldest(count: number): void {
      const { phase, messages, loadingNewer } = state.get();
      if (phase !== 'ready' || loadingNewer || resumeCursor === null || messages.length < count) return;
      const mark = marks.cutBehind((messages[0]?.number ?? 0) + count - 1);
      const end = mark ?? heldEnd ?? { number: last, cursor: resumeCursor };
      if (end.number === heldEnd?.number) return;
      keeping.finish();
      heldEnd = end;
      const oldest = messages.filter(({ number }) => number <= end.number);
      update({ messages: oldest, hasNewer: true, names: namesAmong(state.get().names, oldest) });
    },
    /** Reads the page behind the last message held, where new ones were let go of, as `loadOlder` does. */
    loadNewer,
    /**
     * Lets go of old messages, so that a room that is followed for long does not fill the memory: at least the `count`
     * newest stay, and `loadOlder` reads the others again. Does nothing while older ones are being read.
     */
    keepNewest(count: number): void {
      const { messages, loadingOlder } = state.get();
      const mark = loadingOlder ? null : marks.cut((messages.at(-1)?.number ?? 0) - count + 1);
      const gone = messages.findIndex(({ number }) => number === mark?.number);
      if (mark === null || gone <= 0) return;
      oldestCursor = mark.cursor;
      const newest = messages.slice(gone);
      update({ messages: newest, hasOlder: true, names: namesAmong(state.get().names, newest) });
    },
    /** Shows an author's new name before the next message brings it. */
    rename(authorId: string, displayName: string): void {
      if (state.get().names.get(authorId) === displayName) return;
      update({ names: new Map([...state.get().names, [authorId, displayName]]) });
    },
    /** Reads the newest page again and goes on from there; what to do about `failed`. */
    restart: () => beginAnew(false),
    /** Ends it for good: nothing is asked for afterwards. Twice is fine. */
    stop(): void {
      stopped = true;
      end();
      reads.drop();
      keeping.finish();
    },
  };
}
