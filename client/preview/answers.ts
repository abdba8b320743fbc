import type { RoomMessage } from '../kit/index.js';
import { ROOMS, VIEWER } from './fixtures.js';
import type { Scene } from './scenes.js';

/** Limits as the server has them without settings. */
const SETTINGS = { maxMessageLength: 2000, maxRoomNameLength: 80, maxDisplayNameLength: 40 };

/** A page of messages, newest first read; cursors are numbers. */
function pageOf(messages: readonly RoomMessage[], last: number, before: unknown) {
  const end = typeof before === 'string' ? Number(before) - 1 : messages.length;
  const nodes = messages.slice(Math.max(0, end - last), end);
  return {
    nodes,
    pageInfo: {
      hasPreviousPage: end > last,
      startCursor: nodes[0] === undefined ? null : `${nodes[0].number}`,
    },
    resumeCursor: `${messages.length}`,
  };
}

/** The page of messages behind one; cursors are numbers. */
function pageBehind(messages: readonly RoomMessage[], first: number, after: unknown) {
  const nodes = messages.slice(Number(after), Number(after) + first);
  return { nodes, pageInfo: { endCursor: nodes.length === 0 ? null : `${nodes.at(-1)?.number}` } };
}

/** What the server of a scene says to an operation of the client; undefined when it does not answer. */
export function answerOf(scene: Scene, operation: string, variables: Record<string, unknown>): unknown {
  const rooms = scene.rooms === undefined ? ROOMS : scene.rooms;
  const list = rooms === null ? undefined : { __typename: 'RoomConnection', nodes: rooms };
  const refused = (payload: string) => ({
    __typename: payload,
    userErrors: [
      { __typename: 'UserError', code: 'RATE_LIMITED', message: '', retryAfterMs: 5000, existingRoom: null },
    ],
  });
  switch (operation) {
    case 'Viewer':
      return {
        viewer: { __typename: 'Visitor', ...VIEWER, displayName: scene.displayName ?? VIEWER.displayName },
      };
    case 'Settings':
      return { settings: { __typename: 'ChatSettings', ...SETTINGS } };
    case 'RoomList':
      return list && { rooms: { ...list, resumeCursor: 'now' } };
    case 'MoreRooms':
      return {
        rooms: { __typename: 'RoomConnection', nodes: [], pageInfo: { hasNextPage: false, endCursor: null } },
      };
    case 'RoomByName':
      return { roomByName: null };
    case 'RoomHeader':
      return rooms === null ? undefined : { room: rooms.find(({ id }) => id === variables['id']) ?? null };
    case 'RoomPage': {
      const { messages = [] } = scene;
      if (variables['roomId'] !== scene.open) return { room: { messages: pageOf([], 1, null) } };
      if (messages === null) return undefined;
      return { room: { messages: pageOf(messages, Number(variables['last']), variables['before']) } };
    }
    case 'NewerMessages':
      return {
        room: { messages: pageBehind(scene.messages ?? [], Number(variables['first']), variables['after']) },
      };
    case 'CreateRoom':
      return { createRoom: { ...refused('CreateRoomPayload'), room: null } };
    case 'RenameViewer':
      return { renameViewer: { ...refused('RenameViewerPayload'), visitor: null } };
    default:
      return undefined;
  }
}
