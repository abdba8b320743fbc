import { systemEnvironment, type Environment } from '../../../../client/kit/index.js';

/** Vitest's timers, and chance that is always `random`. */
export const environmentWith = (random: number): Environment => ({
  ...systemEnvironment,
  random: () => random,
});
