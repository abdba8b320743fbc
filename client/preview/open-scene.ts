import { Client, getOperationName, makeResult, type Exchange, type Operation } from 'urql';
import { filter, fromPromise, fromValue, mergeMap, never, pipe } from 'wonka';
import {
  createMemoryOutboxStore,
  createMemoryStorage,
  createOutbox,
  createUnread,
  followRoom,
  RequestError,
  type Connection,
  type KeptMessages,
  type Readable,
} from '../kit/index.js';
import { cache } from '../src/graphql/cache.js';
import { createKeptCache } from '../src/graphql/kept-cache.js';
import { createRoomKeeper } from '../src/room/room-keeper.js';
import { followRoomList } from '../src/rooms/follow-room-list.js';
import type { Chat } from '../src/session/chat.js';
import { createToldName } from '../src/session/told-name.js';
import type { Router } from '../src/ui/router.js';
import { createThemeChoice } from '../src/ui/theme.js';
import { answerOf } from './answers.js';
import { VIEWER } from './fixtures.js';
import type { Scene } from './scenes.js';

const fixed = <T>(value: T): Readable<T> => ({ get: () => value, watch: () => () => {} });
const never$ = new Promise<never>(() => {});

/** Answers the client's operations from the scene; what it has no answer for stays open. */
const fromScene =
  (scene: Scene): Exchange =>
  () =>
  (operations$) =>
    pipe(
      operations$,
      filter(({ kind }) => kind !== 'teardown'),
      mergeMap((operation: Operation) => {
        const name = getOperationName(operation.query) ?? '';
        const data = answerOf(scene, name, operation.variables ?? {});
        if (data === undefined) return never;
        const result = makeResult(operation, { data, hasNext: false });
        return operation.kind === 'mutation' ? fromPromise(Promise.resolve(result)) : fromValue(result);
      }),
    );

/** The kit's connection, answered from the scene. Nothing ever follows. */
function connectionTo(scene: Scene): Connection {
  return {
    async execute(document, variables) {
      if (scene.refusal !== undefined) throw new RequestError(scene.refusal, 'Refused.');
      const data = answerOf(scene, getOperationName(document) ?? '', variables);
      return data === undefined ? never$ : (data as never);
    },
    subscribe: () => () => {},
  };
}

function routerTo(roomId: string | null): Router {
  const route = { roomId };
  return {
    get: () => route,
    watch: () => () => {},
    href: () => window.location.href,
    open: () => {},
  };
}

function keptFrom(scene: Scene): KeptMessages {
  return { read: () => Promise.resolve(scene.kept ?? []), write: () => Promise.resolve() };
}

/** The chat of a scene: the client's own parts around a server that says what the scene has it say. */
export async function openScene(scene: Scene): Promise<Chat> {
  const storage = createMemoryStorage();
  const state = fixed(scene.connection ?? 'connected');
  const keptCache = createKeptCache(storage);
  const client = new Client({
    url: '/graphql',
    preferGetMethod: false,
    exchanges: [cache(keptCache.adapter), fromScene(scene)],
  });
  const unread = createUnread({ storage });
  unread.markRead('garden', 6);
  if (scene.open !== undefined && scene.lastRead !== undefined) unread.markRead(scene.open, scene.lastRead);
  const store = createMemoryOutboxStore();
  for (const entry of scene.unsent ?? []) await store.put(entry);
  const connection = connectionTo(scene);
  const pause = new RequestError('RATE_LIMITED', 'Too many at once.', scene.pauseMs ?? null);
  const outbox = createOutbox({
    connection: {
      state,
      visitorId: fixed<string | null>(VIEWER.id),
      executeOnce: () => (scene.pauseMs === undefined ? never$ : Promise.reject(pause)),
    },
    store,
    makeKey: () => crypto.randomUUID(),
  });
  await outbox.loaded;
  return {
    socket: { state, replaced: fixed(scene.replaced ?? 0) },
    client,
    storage,
    unread,
    outbox,
    theme: createThemeChoice(storage, document.documentElement),
    toldName: createToldName(storage, () => {}),
    roomList: followRoomList(client),
    router: routerTo(scene.open ?? null),
    forget: () => keptCache.forget(),
    rooms: createRoomKeeper((roomId) => followRoom({ connection, roomId, kept: keptFrom(scene) })),
  };
}
