/** The chat under test, filled over its own API. */

/** As a careful operator runs it: everything on, limits that count on the same code path but let the load through. */
export const MADANG_SETTINGS: Readonly<Record<string, string>> = {
  PORT: '0',
  METRICS_PORT: '0',
  LOG_FORMAT: 'json',
  LOG_LEVEL: 'info',
  RATE_LIMITS: '1000',
  MAX_SOCKETS: '20000',
  MAX_SOCKETS_PER_ADDRESS: '20000',
  MAX_OPERATIONS_PER_SOCKET: '1000',
};

export interface Seeded {
  readonly rooms: readonly string[];
  /** One for each subscriber; those of one room differ as far as its replay reaches. */
  readonly cursors: readonly string[];
  readonly tokens: readonly string[];
}

const AT_ONCE = 50;
/** So many messages back a subscriber may begin without being told that it skipped. */
const MAX_REPLAYED = 1000;

type Data = Record<string, Record<string, unknown>>;

/** One operation over HTTP. @throws Error when it answers with errors of any kind. */
export async function ask(
  url: string,
  query: string,
  variables: Readonly<Record<string, unknown>>,
  token?: string,
): Promise<Data> {
  const response = await fetch(url, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    },
    body: JSON.stringify({ query, variables }),
  });
  const text = await response.text();
  const { data, errors } = JSON.parse(text) as { data?: Data; errors?: unknown };
  const [payload] = Object.values(data ?? {});
  const userErrors = payload?.['userErrors'];
  if (data === undefined || errors !== undefined || (Array.isArray(userErrors) && userErrors.length > 0)) {
    throw new Error(text);
  }
  return data;
}

/** Does something for each number below `count`, a few at once, and gives the results in order. */
export async function forEachNumber<Result>(
  count: number,
  act: (index: number) => Promise<Result>,
): Promise<Result[]> {
  const results: Result[] = [];
  let next = 0;
  const work = async (): Promise<void> => {
    while (next < count) {
      const index = next;
      next += 1;
      results[index] = await act(index);
    }
  };
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, count) }, work));
  return results;
}

export async function createVisitor(url: string): Promise<string> {
  const data = await ask(url, 'mutation { createVisitor { token userErrors { code } } }', {});
  return String(data['createVisitor']?.['token']);
}

export async function createRoom(url: string, name: string, token: string): Promise<string> {
  const query =
    'mutation($input: CreateRoomInput!) { createRoom(input: $input) { room { id } userErrors { code } } }';
  const data = await ask(url, query, { input: { name } }, token);
  const room = data['createRoom']?.['room'] as { id: string };
  return room.id;
}

export async function sendMessage(url: string, token: string, roomId: string, text: string): Promise<string> {
  const query =
    'mutation($input: SendMessageInput!) { sendMessage(input: $input) { cursor userErrors { code } } }';
  const data = await ask(url, query, { input: { roomId, text } }, token);
  return String(data['sendMessage']?.['cursor']);
}

/** Rooms, and in each as many messages as it will have subscribers, so that each can begin behind another one. */
export async function seedMadang(
  url: string,
  {
    rooms: roomCount,
    subscribers,
    visitors = 0,
    replayed = MAX_REPLAYED,
  }: {
    rooms: number;
    subscribers: number;
    visitors?: number;
    /** How far behind a subscriber may begin at most. */
    replayed?: number;
  },
): Promise<Seeded> {
  const owners = await forEachNumber(Math.max(visitors, AT_ONCE), () => createVisitor(url));
  const owner = (index: number): string => owners[index % owners.length] ?? '';
  const rooms = await forEachNumber(roomCount, (index) => createRoom(url, `Room ${index}`, owner(index)));
  const perRoom = Math.min(Math.ceil(subscribers / roomCount), replayed);
  const cursors = await forEachNumber(perRoom * roomCount, (index) =>
    sendMessage(url, owner(index), rooms[index % roomCount] ?? '', `before ${index}`),
  );
  return {
    rooms,
    cursors: Array.from({ length: subscribers }, (_, index) => cursors[index % cursors.length] ?? ''),
    tokens: owners.slice(0, visitors),
  };
}
