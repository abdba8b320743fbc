import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { BSON, type Document } from 'mongodb';

/** Bytes before the document of an OP_MSG with one section of kind 0: header, flags, kind. */
const OP_MSG_PREFIX_BYTES = 21;
const OP_MSG = 2013;

/**
 * Stands between a client and a MongoDB, and lets `edit` change what MongoDB answers: for what a server says
 * only in the middle of a failover.
 */
export async function startReplyProxy(
  upstream: { host: string; port: number },
  edit: (reply: Document) => Document,
): Promise<{ port: number; close: () => Promise<void> }> {
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const mongo = connect(upstream);
    client.pipe(mongo);
    let received = Buffer.alloc(0);
    mongo.on('data', (chunk: Buffer) => {
      received = Buffer.concat([received, chunk]);
      while (received.length >= 4 && received.length >= received.readInt32LE(0)) {
        const length = received.readInt32LE(0);
        client.write(edited(received.subarray(0, length), edit));
        received = received.subarray(length);
      }
    });
    for (const [socket, other] of [
      [client, mongo],
      [mongo, client],
    ] as const) {
      sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => {
        sockets.delete(socket);
        other.destroy();
      });
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the proxy has no port');
  return {
    port: address.port,
    async close() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

function edited(message: Buffer, edit: (reply: Document) => Document): Buffer {
  if (message.readInt32LE(12) !== OP_MSG) return message;
  const reply = BSON.serialize(
    edit(BSON.deserialize(message.subarray(OP_MSG_PREFIX_BYTES), { promoteLongs: false })),
  );
  const prefix = Buffer.from(message.subarray(0, OP_MSG_PREFIX_BYTES));
  prefix.writeInt32LE(OP_MSG_PREFIX_BYTES + reply.length, 0);
  return Buffer.concat([prefix, reply]);
}
