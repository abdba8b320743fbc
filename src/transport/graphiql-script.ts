/**
 * Runs in the browser, inside the page of GraphiQL: sends operations, and subscriptions over WebSocket with the
 * headers of the Headers tab as the payload of `connection_init`. `{{token}}`, `{{roomId}}` and `{{cursor}}` in
 * variables and headers stand for what earlier answers gave, so that the tabs work from top to bottom.
 */
export const FETCHER_SCRIPT = /* JavaScript */ `
(function () {
  const known = {};
  function fill(value) {
    if (Array.isArray(value)) return value.map(fill);
    if (value && typeof value === 'object') {
      return Object.fromEntries(
        Object.entries(value).map(([name, each]) => [name, fill(each)]).filter(([, each]) => each !== undefined),
      );
    }
    if (typeof value !== 'string') return value;
    const missing = [...value.matchAll(/\\{\\{(\\w+)\\}\\}/g)].some(([, name]) => known[name] === undefined);
    return missing ? undefined : value.replace(/\\{\\{(\\w+)\\}\\}/g, (_all, name) => known[name]);
  }
  function learn(result) {
    const { createVisitor, createRoom } = (result && result.data) || {};
    if (createVisitor && createVisitor.token) known.token = createVisitor.token;
    const taken = createRoom && (createRoom.userErrors || []).find((error) => error.existingRoom);
    const room = createRoom && (createRoom.room || (taken && taken.existingRoom));
    if (room && room.id) known.roomId = room.id;
    if (room && room.messages) known.cursor = room.messages.resumeCursor;
    return result;
  }
  async function once(request, headers) {
    // A name in other letters would be sent beside ours, as one header with both values.
    const sent = new Headers({ accept: 'application/graphql-response+json', 'content-type': 'application/json' });
    for (const [name, value] of Object.entries(headers)) sent.set(name, value);
    const response = await fetch(location.pathname, {
      method: 'POST',
      credentials: 'omit',
      headers: sent,
      body: JSON.stringify(request),
    });
    return learn(await response.json());
  }
  function live(request, headers) {
    return {
      subscribe(observer) {
        const socket = new WebSocket(location.href.replace(/^http/, 'ws').split(/[?#]/)[0], 'graphql-transport-ws');
        const send = (message) => socket.send(JSON.stringify(message));
        let ended = false;
        const end = (tell) => {
          if (!ended) tell();
          ended = true;
          socket.close(1000);
        };
        socket.onopen = () => send({ type: 'connection_init', payload: headers });
        socket.onmessage = ({ data }) => {
          const message = JSON.parse(data);
          if (message.type === 'connection_ack') send({ type: 'subscribe', id: '1', payload: request });
          else if (message.type === 'ping') send({ type: 'pong' });
          else if (message.type === 'next') observer.next(message.payload);
          else if (message.type === 'error') end(() => (observer.next({ errors: message.payload }), observer.complete()));
          else if (message.type === 'complete') end(() => observer.complete());
        };
        socket.onclose = ({ code, reason }) =>
          end(() => observer.error(new Error('The socket was closed: ' + code + ' ' + reason)));
        return { unsubscribe: () => end(() => undefined) };
      },
    };
  }
  function holds(query, kinds, name) {
    const text = query.replace(/"""[\\s\\S]*?"""|"(?:\\\\.|[^"\\\\])*"|#.*/g, '');
    return new RegExp('(^|[}\\\\s])(' + kinds + ')' + (name ? '\\\\s+' + name : '') + '\\\\b').test(text);
  }
  return (params, options) => {
    const headers = fill((options && options.headers) || {});
    // Right after a change of tabs GraphiQL still names the operation of the tab before.
    const name = params.operationName;
    const named = name && holds(params.query, 'query|mutation|subscription', name);
    const request = {
      query: params.query,
      variables: fill(params.variables || {}),
      operationName: named ? name : undefined,
    };
    return holds(request.query, 'subscription', request.operationName) ? live(request, headers) : once(request, headers);
  };
})()
`;

const WITH_TOKEN = JSON.stringify({ Authorization: 'Bearer {{token}}' }, null, 2);
const variables = (value: object): string => JSON.stringify(value, null, 2);

/** The tabs that GraphiQL opens with. */
export const DEFAULT_TABS = [
  {
    query: `# The rooms, the busiest first. Run the tabs from left to right.
query rooms($first: Int = 20) {
  rooms(first: $first) {
    nodes { id name recentVisitorCount onlineCount latestMessage { text author { displayName } } }
    pageInfo { hasNextPage endCursor }
    totalCount
    resumeCursor
  }
}
`,
    variables: variables({ first: 20 }),
  },
  {
    query: `# Become a visitor. The next tabs send the token in their Headers: {{token}} stands for it there.
mutation createVisitor {
  createVisitor {
    visitor { id displayName }
    token
    expiresAt
    userErrors { code message }
  }
}
`,
  },
  {
    query: `# Open a room, or find the one that has the name. {{roomId}} in the next tabs stands for it.
mutation createRoom($name: String!) {
  createRoom(input: { name: $name }) {
    room { id name messages { resumeCursor } }
    userErrors { code message existingRoom { id name messages { resumeCursor } } }
  }
}
`,
    variables: variables({ name: 'GraphiQL' }),
    headers: WITH_TOKEN,
  },
  {
    query: `# Say something. Run it again while the subscription of the next tab is open elsewhere.
mutation sendMessage($roomId: ID!, $text: String!) {
  sendMessage(input: { roomId: $roomId, text: $text }) {
    message { id number text createdAt author { displayName } }
    cursor
    userErrors { code message field }
  }
}
`,
    variables: variables({ roomId: '{{roomId}}', text: 'Hello from GraphiQL' }),
    headers: WITH_TOKEN,
  },
  {
    query: `# Everything said since the room was opened here, then each new message as it comes.
subscription messageAdded($roomId: ID!, $after: String) {
  messageAdded(roomId: $roomId, after: $after) {
    cursor
    replayed
    skippedCount
    message { number text author { displayName } }
  }
}
`,
    variables: variables({ roomId: '{{roomId}}', after: '{{cursor}}' }),
    headers: WITH_TOKEN,
  },
] as const;
