import { silentLogger } from '../../src/lib/logger.js';
import { createMemoryPubSub } from '../../src/pubsub/pubsub.memory.js';
import { describePubSub } from './pubsub.suite.js';

describePubSub('memory', () => {
  const pubsub = createMemoryPubSub({ log: silentLogger });
  return Promise.resolve({ here: pubsub, there: pubsub, close: async () => pubsub.stop() });
});
