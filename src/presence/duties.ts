import { FIRST_HEAL_MS, HEAL_MS, LOADING_MS, type Duty } from './presence-store.js';

/** Who loads and who heals, for a store that is in one process. Times are in milliseconds on its clock. */
export interface Duties {
  loaded(): boolean;
  next(instance: string, now: number): Duty | null;
  keepLoading(instance: string, now: number): boolean;
  fulfilled(instance: string, kind: Duty['kind'], startedAt: number, now: number): boolean;
}

export function createDuties(): Duties {
  let loaded = false;
  let healedAt: number | null = null;
  let nextHealAt = Number.NEGATIVE_INFINITY;
  let loader: { instance: string; until: number } | undefined;

  const isLoader = (instance: string, now: number): boolean =>
    !loaded && loader?.instance === instance && loader.until > now;

  return {
    loaded: () => loaded,
    next(instance, now) {
      if (!loaded) {
        if (loader !== undefined && loader.until > now && loader.instance !== instance) return null;
        loader = { instance, until: now + LOADING_MS };
        return { kind: 'load', healedAt: null };
      }
      if (now < nextHealAt) return null;
      nextHealAt = now + HEAL_MS;
      return { kind: 'heal', healedAt };
    },
    keepLoading(instance, now) {
      const mine = isLoader(instance, now);
      if (mine) loader = { instance, until: now + LOADING_MS };
      return mine;
    },
    fulfilled(instance, kind, startedAt, now) {
      if (kind === 'load') {
        if (!isLoader(instance, now)) return false;
        loaded = true;
        nextHealAt = now + FIRST_HEAL_MS;
      }
      healedAt = Math.max(healedAt ?? startedAt, startedAt);
      return true;
    },
  };
}
