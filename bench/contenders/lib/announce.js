/** Says where the contender listens; the runner waits for this line. */
export function announce(server) {
  server.listen(0, '127.0.0.1', () => console.log(`listening ${server.address().port}`));
}
