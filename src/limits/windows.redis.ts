import { nextTick } from 'node:process';
import type { Result } from 'ioredis';
import { slices } from '../lib/slices.js';
import type { RedisConnection } from '../redis/connection.js';

/**
 * KEYS: windows, those of one caller together, the narrowest first. ARGV: how many callers; then for each of them how
 * many windows it asks, and points, seconds and limit of each. Answers with what each window holds then and how many
 * milliseconds it lasts; those of a caller behind the first that is over its limit are not touched, and answer with
 * two zeros. A window that is not there begins; one that would last longer than it can is from before Redis' clock was
 * set back, and ends in time.
 */
const SCRIPT = `
local answers = {}
local at = 2
for _ = 1, tonumber(ARGV[1]) do
  local isOver = false
  local windows = tonumber(ARGV[at])
  at = at + 1
  for _ = 1, windows do
    local index = #answers + 1
    local points, seconds, limit = ARGV[at], ARGV[at + 1], ARGV[at + 2]
    at = at + 3
    if isOver then
      answers[index] = { 0, 0 }
    else
      local consumed = redis.call('INCRBY', KEYS[index], points)
      local ttl = redis.call('PTTL', KEYS[index])
      if ttl < 0 or ttl > seconds * 1000 then
        redis.call('EXPIRE', KEYS[index], seconds)
        ttl = seconds * 1000
      end
      answers[index] = { consumed, ttl }
      isOver = consumed > tonumber(limit)
    end
  end
end
return answers
`;

/** How many callers one command asks for at most: Redis serves nobody else meanwhile. */
const MAX_CALLERS = 100;

/** Points in a window, and for how many milliseconds it lasts. */
type Answer = readonly [consumed: number, ttl: number];

declare module 'ioredis' {
  interface RedisCommander<Context> {
    madangLimits(...args: (string | number)[]): Result<readonly Answer[], Context>;
  }
}

interface Call {
  readonly key: string;
  readonly args: readonly string[];
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: unknown) => void;
}

/** What a window answers of which Redis says nothing. */
const UNTOUCHED: Answer = [0, 0];

/**
 * Several windows in one command, and those of all callers that came at a time, as in one chunk of a socket: each of them
 * alone is a round trip, and a send asks four. To wait for the rest of the turn of the event loop makes fewer
 * commands, but messages then miss the next write of a busy room: 475 against 514 thousand deliveries a second in one
 * of a thousand, medians of six runs in turn.
 */
export interface WindowScript {
  /** What rate-limiter-flexible takes for its connection to Redis, with as much of one as it uses. */
  readonly client: unknown;
  /**
   * Asks one after the other, up to one that has its answer without asking Redis; what they ask for goes in one
   * command with what others ask for at that time. Behind one that is refused by Redis nothing is taken, though it
   * looks as if it were allowed.
   */
  inOneTrip<Value>(asks: readonly (() => Promise<Value>)[]): readonly Promise<Value>[];
}

export function createWindowScript({ commands }: RedisConnection): WindowScript {
  commands.defineCommand('madangLimits', { lua: SCRIPT });
  let collected: Call[] = [];
  /** What the callers of this time ask for. */
  let callers: Call[][] = [];

  function send(): void {
    const waiting = callers;
    callers = [];
    for (const some of slices(waiting, MAX_CALLERS)) sendSome(some);
  }

  function sendSome(some: readonly (readonly Call[])[]): void {
    const calls = some.flat();
    const keys = calls.map(({ key }) => key);
    const args = some.flatMap((own) => [own.length, ...own.flatMap((call) => call.args)]);
    commands.madangLimits(keys.length, ...keys, some.length, ...args).then(
      (answers) => calls.forEach(({ resolve }, index) => resolve(answers[index] ?? UNTOUCHED)),
      (error: unknown) => calls.forEach(({ reject }) => reject(error)),
    );
  }

  return {
    client: {
      get status() {
        return commands.status;
      },
      /** In the place of the package's own script for one window: called with key, points, seconds, limit, seconds. */
      rlflxIncr: ([key = '', ...args]: readonly string[]): Promise<Answer> =>
        new Promise((resolve, reject) => {
          collected.push({ key, args: args.slice(0, 3), resolve, reject });
        }),
    },
    inOneTrip(asks) {
      const answers = [];
      for (const ask of asks) {
        const before = collected.length;
        answers.push(ask());
        if (collected.length === before) break;
      }
      if (collected.length > 0) {
        if (callers.length === 0) nextTick(send);
        callers.push(collected);
        collected = [];
      }
      return answers;
    },
  };
}
