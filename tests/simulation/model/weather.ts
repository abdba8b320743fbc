/** How often each misfortune comes, per second; the rest are probabilities. */
export interface Weather {
  readonly crash: number;
  readonly drain: number;
  readonly freeze: number;
  readonly stepDown: number;
  readonly storeHang: number;
  readonly busHang: number;
  /** One instance alone is cut off from the bus. */
  readonly busPartition: number;
  /** The machine of an instance sleeps. */
  readonly sleep: number;
  readonly setClock: number;
  readonly poison: number;
  readonly move: number;
  readonly stall: number;
  readonly retention: number;
  readonly restore: number;
  readonly page: number;
  readonly loss: number;
  readonly lateInsert: number;
  readonly repeated: number;
  readonly deposedRead: number;
  readonly busLoss: number;
  readonly lostAnswer: number;
  /** How long a majority takes at most, in milliseconds. */
  readonly lagMs: number;
}

export const STORMY: Weather = {
  crash: 0.5,
  drain: 0.1,
  freeze: 0.25,
  stepDown: 0.5,
  storeHang: 0.08,
  busHang: 0.25,
  busPartition: 0.3,
  sleep: 0.1,
  setClock: 0.1,
  poison: 2,
  move: 1.5,
  stall: 0.6,
  retention: 0.2,
  restore: 0.03,
  page: 3,
  loss: 0.01,
  lateInsert: 0.02,
  repeated: 0.02,
  deposedRead: 0.4,
  busLoss: 0.04,
  lostAnswer: 0.03,
  lagMs: 6,
};
