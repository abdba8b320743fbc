import { messageAdded, messageResolvers } from '../messages/message-resolvers.js';
import { presenceResolvers } from '../presence/presence-resolvers.js';
import { rankingResolvers, roomsChanged } from '../ranking/ranking-resolvers.js';
import { roomResolvers } from '../rooms/room-resolvers.js';
import { settingsResolvers } from '../settings/settings-resolvers.js';
import { visitorResolvers } from '../visitors/visitor-resolvers.js';
import { commonResolvers } from './common-resolvers.js';

/** One entry per domain. */
export const resolvers = [
  commonResolvers,
  visitorResolvers,
  roomResolvers,
  messageResolvers,
  presenceResolvers,
  rankingResolvers,
  settingsResolvers,
];

/** How each field of `Subscription` works. */
export const subscriptionFields = { messageAdded, roomsChanged };
