import {
  browserExclusive,
  browserNetwork,
  createIndexedDbKeptMessages,
  createIndexedDbOutboxStore,
  createOutbox,
  createSocket,
  createUnread,
  followRoom,
  type KeyValueStorage,
  type Socket,
} from '../../kit/index.js';
import type { Client } from 'urql';
import { ViewerDocument, type ViewerQuery, type ViewerQueryVariables } from '../__generated__/operations.js';
import { createGraphQLClient } from '../graphql/client.js';
import { createKeptCache } from '../graphql/kept-cache.js';
import { pacedRoom } from '../room/paced-room.js';
import { createRoomKeeper, type RoomKeeper } from '../room/room-keeper.js';
import { followRoomList } from '../rooms/follow-room-list.js';
import { createBrowserStorage } from '../ui/browser-storage.js';
import { createRouter, type Router } from '../ui/router.js';
import { createThemeChoice } from '../ui/theme.js';
import { makeKey } from './make-key.js';
import { createToldName } from './told-name.js';

/** Everything of one page that lives longer than a component. */
export interface Chat {
  readonly socket: Pick<Socket, 'state' | 'replaced'>;
  readonly outbox: ReturnType<typeof createOutbox>;
  readonly unread: ReturnType<typeof createUnread>;
  readonly roomList: ReturnType<typeof followRoomList>;
  readonly client: Client;
  readonly storage: KeyValueStorage;
  readonly router: Router;
  readonly rooms: RoomKeeper;
  readonly theme: ReturnType<typeof createThemeChoice>;
  readonly toldName: ReturnType<typeof createToldName>;
  /** Forgets what is shown at a start before there is an answer, which may be what broke the page. */
  readonly forget: () => void;
}

/** Opens the chat whose client lives below `base`, an address that ends with a slash. */
export function openChat(base: URL): Chat {
  const endpoint = new URL('../graphql', base);
  const url = new URL(endpoint);
  url.protocol = endpoint.protocol === 'https:' ? 'wss:' : 'ws:';
  const storage = createBrowserStorage(`${base.pathname}:`);
  const socket = createSocket({
    url: url.href,
    storage,
    network: browserNetwork(window),
    exclusive: browserExclusive(navigator, `${base.pathname}:guest`),
  });
  const keptCache = createKeptCache(storage);
  const client = createGraphQLClient(endpoint.href, socket, keptCache.adapter);
  const unread = createUnread({ storage });
  const kept = createIndexedDbKeptMessages(`madang ${base.pathname} read`);
  const writeDown = () => {
    unread.flush();
    keptCache.flush();
  };
  window.addEventListener('pagehide', writeDown);
  // A page that a phone has put away may never see another event.
  document.addEventListener('visibilitychange', () => {
    if (document.hidden) writeDown();
  });
  const theme = createThemeChoice(storage, document.documentElement);
  const askWho = () => {
    const options = { requestPolicy: 'network-only' } as const;
    void client.query<ViewerQuery, ViewerQueryVariables>(ViewerDocument, {}, options).toPromise();
  };
  // Another visitor than before: the cache must not go on showing the old one.
  socket.visitorId.watch(askWho);
  const toldName = createToldName(storage, askWho);
  window.addEventListener('storage', () => {
    unread.reload();
    theme.reload();
    toldName.reload();
  });
  return {
    socket,
    client,
    storage,
    unread,
    theme,
    toldName,
    outbox: createOutbox({
      connection: socket,
      store: createIndexedDbOutboxStore(`madang ${base.pathname}`),
      makeKey,
    }),
    roomList: followRoomList(client),
    router: createRouter(window, base.pathname),
    forget: () => keptCache.forget(),
    rooms: createRoomKeeper((roomId) => pacedRoom(followRoom({ connection: socket, roomId, kept }))),
  };
}
