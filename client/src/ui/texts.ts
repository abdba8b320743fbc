import { digits, plural } from './plural.js';

/** Everything the client says, in English. Names of roles are what tests and assistive technology find. */
const en = {
  rooms: 'Rooms',
  allRooms: 'All rooms',
  searchRooms: 'Search rooms',
  noRoomsYet: 'No rooms yet. Create the first one.',
  noRoomsFound: 'No room has this name.',
  listFailed: 'This list cannot be followed any more.',
  searchedFirst: plural('en', { other: 'Searched in the first # rooms.' }),
  notInFirst: plural('en', { other: 'No room is called this, and none of the first # has it in its name.' }),
  searchFurther: 'Search further',
  newRoom: 'New room',
  roomName: 'Room name',
  create: 'Create',
  openRoom: 'Open room',
  cancel: 'Cancel',
  recentVisitors: plural('en', { one: '# recent visitor', other: '# recent visitors' }),
  online: plural('en', { other: '# online' }),
  unread: plural('en', { other: '# unread' }),
  noMessagesYet: 'No messages yet',
  messages: 'Messages',
  message: 'Message',
  messageHint: 'Write a message',
  send: 'Send',
  sending: 'Sending',
  notSent: 'Not sent',
  retry: 'Retry',
  discard: 'Discard',
  removed: 'This message was removed.',
  jumpToNewest: 'Jump to newest',
  newMessages: plural('en', { one: '# new message', other: '# new messages' }),
  asLastRead: 'This is what was read last.',
  unreadBegin: 'New messages',
  loadingOlder: 'Loading older messages …',
  loading: 'Loading …',
  beginning: 'This is where the room begins.',
  today: 'Today',
  yesterday: 'Yesterday',
  roomNotFound: 'Room not found',
  roomNotFoundHint: 'It may have been removed, or the address has a typing error.',
  pickARoom: 'Pick a room, or make a new one.',
  roomFailed: 'This room cannot be followed any more.',
  tryAgain: 'Try again',
  youAre: (name: string) => `You are ${name}`,
  displayName: 'Display name',
  colours: 'Colours',
  themes: { system: 'As the system', light: 'Light', dark: 'Dark' },
  save: 'Save',
  connecting: 'Connecting',
  connected: 'Connected',
  reconnecting: 'Reconnecting',
  offline: 'Offline',
  closed: 'Disconnected',
  reload: 'Reload',
  waiting: plural('en', { one: '# message waits', other: '# messages wait' }),
  replaced: 'Your pass had expired, so you are a new guest now.',
  visitorChanged: 'You were another guest when this was sent. It may have arrived.',
  paused: (time: string) => `Too many messages at once. Sending goes on at ${time}.`,
  tooLong: (length: number, most: number) =>
    `${digits('en', length)} of at most ${digits('en', most)} characters`,
  waitSeconds: plural('en', {
    one: 'Too many at once. Try again in # second.',
    other: 'Too many at once. Try again in # seconds.',
  }),
  problems: {
    INVALID_INPUT: (message: string) => message,
    RATE_LIMITED: (_message: string) => 'Too many at once. Wait a moment and try again.',
    ROOM_NAME_TAKEN: (_message: string) => 'There is a room with this name already.',
    ROOM_NOT_FOUND: (_message: string) => 'This room does not exist.',
    FORBIDDEN: (message: string) => message,
  },
  noConnection: 'There is no connection right now. Try again when it is back.',
  close: 'Close',
  broken: 'Something in this page has failed.',
  unavailable: 'The server cannot answer right now. Try again.',
};

export type Texts = typeof en;

const ko: Texts = {
  rooms: '방 목록',
  allRooms: '모든 방',
  searchRooms: '방 찾기',
  noRoomsYet: '아직 방이 없습니다. 첫 방을 만들어 보세요.',
  noRoomsFound: '이런 이름의 방이 없습니다.',
  listFailed: '방 목록을 더 이상 따라갈 수 없습니다.',
  searchedFirst: plural('ko', { other: '위에서부터 방 #개에서 찾았습니다.' }),
  notInFirst: plural('ko', {
    other: '이 이름의 방이 없고, 위에서부터 방 #개에도 이 말이 든 이름이 없습니다.',
  }),
  searchFurther: '더 찾아보기',
  newRoom: '새 방',
  roomName: '방 이름',
  create: '만들기',
  openRoom: '방 열기',
  cancel: '취소',
  recentVisitors: plural('ko', { other: '최근 방문자 #명' }),
  online: plural('ko', { other: '접속 중 #명' }),
  unread: plural('ko', { other: '안 읽음 #개' }),
  noMessagesYet: '아직 메시지가 없습니다',
  messages: '대화',
  message: '메시지',
  messageHint: '메시지를 입력하세요',
  send: '보내기',
  sending: '보내는 중',
  notSent: '보내지 못함',
  retry: '다시 보내기',
  discard: '버리기',
  removed: '삭제된 메시지입니다.',
  jumpToNewest: '최신 메시지로',
  newMessages: plural('ko', { other: '새 메시지 #개' }),
  asLastRead: '마지막으로 읽은 내용입니다.',
  unreadBegin: '여기부터 새 메시지',
  loadingOlder: '이전 메시지를 불러오는 중 …',
  loading: '불러오는 중 …',
  beginning: '여기서 대화가 시작되었습니다.',
  today: '오늘',
  yesterday: '어제',
  roomNotFound: '방을 찾을 수 없습니다',
  roomNotFoundHint: '삭제된 방이거나 주소가 잘못되었습니다.',
  pickARoom: '방을 고르거나 새로 만들어 보세요.',
  roomFailed: '이 방의 대화를 더 이상 따라갈 수 없습니다.',
  tryAgain: '다시 시도',
  youAre: (name) => `내 이름: ${name}`,
  displayName: '표시 이름',
  colours: '화면 색',
  themes: { system: '시스템 설정', light: '밝게', dark: '어둡게' },
  save: '저장',
  connecting: '연결 중',
  connected: '연결됨',
  reconnecting: '다시 연결하는 중',
  offline: '오프라인',
  closed: '연결 끊김',
  reload: '새로 고침',
  waiting: plural('ko', { other: '대기 중인 메시지 #개' }),
  replaced: '이용 기간이 끝나 새 손님으로 들어왔습니다.',
  visitorChanged: '다른 손님일 때 보낸 메시지입니다. 이미 전달되었을 수 있습니다.',
  paused: (time) => `메시지를 너무 많이 보냈습니다. ${time}에 이어서 보냅니다.`,
  tooLong: (length, most) => `${digits('ko', length)}자 (최대 ${digits('ko', most)}자)`,
  waitSeconds: plural('ko', { other: '요청이 너무 많습니다. #초 뒤에 다시 시도하세요.' }),
  problems: {
    INVALID_INPUT: () => '사용할 수 없는 입력입니다.',
    RATE_LIMITED: () => '요청이 너무 많습니다. 잠시 후 다시 시도하세요.',
    ROOM_NAME_TAKEN: () => '같은 이름의 방이 이미 있습니다.',
    ROOM_NOT_FOUND: () => '없는 방입니다.',
    FORBIDDEN: () => '허용되지 않은 일입니다.',
  },
  noConnection: '지금은 연결되어 있지 않습니다. 연결되면 다시 시도하세요.',
  close: '닫기',
  broken: '이 화면에 문제가 생겼습니다.',
  unavailable: '서버가 지금 응답하지 못합니다. 다시 시도하세요.',
};

export type Language = 'en' | 'ko';

export const TEXTS: Readonly<Record<Language, Texts>> = { en, ko };

/** The language asked for by `?lang=`, else the first of the reader's that we speak, else English. */
export function chooseLanguage(search: string, preferred: readonly string[]): Language {
  const asked = new URLSearchParams(search).get('lang');
  if (asked === 'en' || asked === 'ko') return asked;
  const spoken = preferred
    .map((tag) => tag.toLowerCase().split('-')[0])
    .find((tag) => tag === 'en' || tag === 'ko');
  return spoken === 'ko' ? 'ko' : 'en';
}

/** What the server refused, as it tells it. */
export interface Refusal {
  readonly code: string;
  readonly message: string;
  /** How long it asks to wait, in milliseconds; null when it does not say. */
  readonly retryAfterMs?: number | null;
}

const MS_PER_SECOND = 1000;

/** What went wrong with what was put in; a code that is new to this client is told in the server's words. */
export function problemText(texts: Texts, { code, message, retryAfterMs = null }: Refusal): string {
  if (code === 'RATE_LIMITED' && retryAfterMs !== null) {
    return texts.waitSeconds(Math.ceil(retryAfterMs / MS_PER_SECOND));
  }
  const known: Record<string, ((message: string) => string) | undefined> = texts.problems;
  return Object.hasOwn(known, code) ? (known[code]?.(message) ?? '') : message;
}
