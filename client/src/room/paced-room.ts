import {
  createStore,
  systemEnvironment,
  type Environment,
  type FollowedRoom,
  type RoomState,
} from '../../kit/index.js';

/** New messages are shown at most this often, in milliseconds; those that come meanwhile are shown together. */
const SHOW_EVERY_MS = 100;

/**
 * The room, with new messages of a busy one shown a few at once, so that the page has time for what its reader does.
 * The first one after a pause, and every other change, is shown as soon as it comes.
 */
export function pacedRoom(room: FollowedRoom, environment: Environment = systemEnvironment): FollowedRoom {
  const shown = createStore(room.state.get());
  let resting = false;
  let cancelRest = () => {};

  function show(): void {
    if (!resting) {
      resting = true;
      cancelRest = environment.after(SHOW_EVERY_MS, rested);
    }
    shown.set(room.state.get());
  }

  function rested(): void {
    resting = false;
    if (shown.get() !== room.state.get()) show();
  }

  const unwatch = room.state.watch(() => {
    if (!resting || !isOnlyLonger(shown.get(), room.state.get())) show();
  });
  return {
    ...room,
    state: shown,
    /** Of what is shown: those that wait to be are kept besides. */
    keepNewest(count) {
      room.keepNewest(count + room.state.get().messages.length - shown.get().messages.length);
    },
    stop() {
      unwatch();
      cancelRest();
      room.stop();
    },
  };
}

/** Whether nothing but messages at the lower end or behind it, and names, are new. */
function isOnlyLonger(before: RoomState, now: RoomState): boolean {
  return (
    (now.messages.length > before.messages.length || now.newest > before.newest) &&
    now.messages.length >= before.messages.length &&
    now.messages[0] === before.messages[0] &&
    now.phase === before.phase &&
    now.hasOlder === before.hasOlder &&
    now.loadingOlder === before.loadingOlder &&
    now.hasNewer === before.hasNewer &&
    now.loadingNewer === before.loadingNewer &&
    now.problem === before.problem
  );
}
