import type { Scenario } from '../lib/scenario.js';
import { centrifuge } from './centrifuge.js';
import { client } from './client.js';
import { embedded } from './embedded.js';
import { fanOut } from './fan-out.js';
import { hotRoom } from './hot-room.js';
import { idle } from './idle.js';
import { severalInstances } from './instances.js';
import { mutations } from './mutations.js';
import { pipeline } from './pipeline.js';
import { ranking } from './ranking.js';
import { services } from './services.js';
import { smallRooms } from './small-rooms.js';
import { stalled } from './stalled.js';
import { writers } from './writers.js';

/** The benchmarks by name. */
export const SCENARIOS: Readonly<Record<string, Scenario>> = {
  'fan-out': fanOut,
  centrifuge,
  'small-rooms': smallRooms,
  mutations,
  idle,
  ranking,
  embedded,
  'hot-room': hotRoom,
  stalled,
  pipeline,
  writers,
  instances: severalInstances,
  services,
  client,
};
