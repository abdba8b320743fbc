import type { Weather } from './model/weather.js';
import type { Schedule } from './model/run.js';
import type { Patch } from './patched-source.js';

/** A tempting simplification, and the schedule in which it shows. It must be caught. */
export interface Variant {
  readonly name: string;
  readonly schedule: Schedule;
  /** What is changed in the source; without it, the surroundings are changed alone. */
  readonly patches?: readonly Patch[];
}

/** Nothing goes wrong by itself. */
export const CALM = {
  crash: 0,
  drain: 0,
  freeze: 0,
  stepDown: 0,
  storeHang: 0,
  busHang: 0,
  busPartition: 0,
  sleep: 0,
  setClock: 0,
  repeated: 0,
  poison: 0,
  restore: 0,
  loss: 0,
  lateInsert: 0,
  busLoss: 0,
} satisfies Partial<Weather>;

/** Whoever has caught up gets a message this soon, as long as the store answers. */
export const MAX_LAG_MS = 600;

export const NEVER = Number.POSITIVE_INFINITY;
