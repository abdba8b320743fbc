import { CALM, MAX_LAG_MS, NEVER, type Variant } from './variants.js';

/** Simplifications of the logs themselves. */
export const SOURCE_VARIANTS: readonly Variant[] = [
  {
    name: 'events do not say what they continue',
    schedule: { weather: { poison: 10 } },
    patches: [
      { file: 'log/log-feed.ts', from: 'event.previousTag !== lastTag', to: 'false' },
      { file: 'log/feed-inbox.ts', from: "if (!continues(event)) return 'previous';", to: '' },
      {
        file: 'log/feed-inbox.ts',
        from: 'waiting.set(number, event)',
        to: 'waiting.set(number, event as never)',
      },
    ],
  },
  {
    name: 'a cursor ahead of the feed is refused',
    schedule: { weather: { move: 6 } },
    patches: [
      {
        file: 'log/log-subscriber.ts',
        from: "if (record === 'below') throw cursorExpired();",
        to: "if (record === 'below') throw cursorExpired(); if (position.number >= (feed.next() ?? Infinity)) throw badCursor('');",
      },
      {
        file: 'log/log-subscriber.ts',
        from: 'import { cursorExpired,',
        to: 'import { badCursor, cursorExpired,',
      },
    ],
  },
  {
    name: 'a cursor without a tag',
    schedule: { weather: { restore: 0.3 } },
    patches: [{ file: 'log/cursor-check.ts', from: 'tagOf(record) !== tag', to: 'false' }],
  },
  {
    name: 'a jump by a stale count',
    schedule: { weather: { stall: 6 } },
    patches: [
      {
        file: 'log/log-subscriber.ts',
        from: 'const behind = next - 1 - position;',
        to: 'stale = mayJump ? stale ?? next : stale; const behind = (stale ?? next) - 1 - position;',
      },
      {
        file: 'log/log-subscriber.ts',
        from: 'next - limits.maxReplayed : position + 1',
        to: '(stale ?? next) - limits.maxReplayed : position + 1',
      },
      {
        file: 'log/log-subscriber.ts',
        from: 'const endListening',
        to: 'let stale: number | null = null; const endListening',
      },
      {
        file: 'log/log-subscriber.ts',
        from: 'from - position - 1 : 0',
        to: '(feed.next() ?? 0) - 1 - limits.maxReplayed - position : 0',
      },
    ],
  },
  {
    name: 'waiting for the subscription without limit',
    schedule: {
      weather: { ...CALM, busHang: 1, move: 4, stall: 0 },
      maxLagMs: MAX_LAG_MS,
      twist: { limits: { subscribeWaitMs: NEVER, feedIdleMs: 1 } },
    },
    patches: [{ file: 'log/log-feed.ts', from: "if (bus.mode() === 'push') await", to: 'await' }],
  },
  {
    name: 'a short page is served',
    schedule: { weather: { stepDown: 1.5, deposedRead: 0.8, page: 10 } },
    patches: [{ file: 'log/dense-read.ts', from: 'missing(from).length === 0', to: 'true' }],
  },
  {
    name: 'a counted head that listens to the bus',
    schedule: { weather: { ...CALM, move: 1 }, load: { sendersPerLog: 8, pace: 0.1, stormMs: 4000 } },
    patches: [
      {
        file: 'log/log-feed.ts',
        from: 'const gap = inbox.keep(event, next);',
        to: 'head.proven(headOf(event.record), momentOf(clock)); const gap = inbox.keep(event, next);',
      },
      {
        file: 'log/log-writer.ts',
        from: 'head.proven(headOf(records.at(-1) ?? null), at);',
        to: 'head.proven({ ...headOf(records.at(-1) ?? null), number: (head.get() ?? base).number + records.length }, at);',
      },
    ],
  },
  {
    name: 'a head from every event of the bus',
    schedule: { weather: { poison: 2 } },
    patches: [
      {
        file: 'log/log-feed.ts',
        from: 'const gap = inbox.keep(event, next);',
        to: 'head.proven(headOf(event.record), momentOf(clock)); const gap = inbox.keep(event, next);',
      },
    ],
  },
  {
    name: 'gaps are not noticed',
    schedule: {},
    patches: [
      {
        file: 'log/log-feed.ts',
        from: 'const gap = inbox.keep(event, next);',
        to: 'if (next !== null) { release(event.record); listeners.tell(); return; } const gap = inbox.keep(event, next);',
      },
    ],
  },
  {
    name: 'a subscriber that has caught up waits for the next advance only after a pause',
    schedule: { weather: { ...CALM, move: 4, stall: 0 }, maxLagMs: MAX_LAG_MS },
    patches: [
      {
        file: 'graphql/shared/group.ts',
        from: 'if (!member.gone) waiting.add(member);',
        to: 'clock.after(5, () => { if (!member.gone) waiting.add(member); });',
      },
    ],
  },
  {
    name: 'a stalled subscriber is passed over while others are written to',
    schedule: {},
    patches: [
      {
        file: 'graphql/shared/group.ts',
        from: 'function step(member: M): void {\n    if (!isWritable(member)) return park(member);',
        to: `function step(member: M): void {
          if (!isWritable(member)) {
            const passed = readOrFail(member);
            if (Array.isArray(passed)) member.position = passed.at(-1)?.position ?? member.position;
            return caughtUp(member);
          }`,
      },
    ],
  },
];
