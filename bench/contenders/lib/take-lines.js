/**
 * Takes messages in as lines of a plain connection, a room and a text each: for benchmarks of what comes after a
 * message was accepted. Says where; the runner waits for this line.
 *
 * @param {(roomId: string, text: string) => void} take
 */
import { createServer } from 'node:net';

export function takeLines(take) {
  const server = createServer((socket) => {
    let rest = '';
    socket.setEncoding('latin1');
    socket.on('data', (chunk) => {
      const lines = (rest + chunk).split('\n');
      rest = lines.pop();
      for (const line of lines) {
        const roomEnd = line.indexOf(' ');
        // A copy: a slice would keep all that came with it for as long as the text is kept.
        take(line.slice(0, roomEnd), Buffer.from(line.slice(roomEnd + 1)).toString());
      }
    });
  });
  server.listen(0, '127.0.0.1', () => console.log(`taking lines at ${server.address().port}`));
}
