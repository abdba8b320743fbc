/* global db, quit, rs */
// Run by mongosh as the health check of the compose file. Healthy means: a writable primary of a replica set. A
// fresh volume is made into a replica set of one member first; that alone is not yet healthy.
try {
  rs.status();
} catch {
  rs.initiate({ _id: 'madang', members: [{ _id: 0, host: 'mongo:27017' }] });
}
const hello = db.hello();
quit(hello.isWritablePrimary && hello.setName ? 0 : 1);
