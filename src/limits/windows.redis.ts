import type { Result } from 'ioredis';
import type { RedisConnection } from '../redis/connection.js';

/**
 * KEYS: windows of one caller, the narrowest first. ARGV: points, seconds and limit of each. Answers with what each
 * holds then and how many milliseconds it lasts, up to the first that is over its limit; those behind it are not
 * touched. A window that is not there begins; one that would last longer than it can is from before Redis' clock was set
 * back, and ends in time.
 */
const SCRIPT = `
local answers = {}
for index, key in ipairs(KEYS) do
  local points, seconds, limit = ARGV[index * 3 - 2], ARGV[index * 3 - 1], ARGV[index * 3]
  local consumed = redis.call('INCRBY', key, points)
  local ttl = redis.call('PTTL', key)
  if ttl < 0 or ttl > seconds * 1000 then
    redis.call('EXPIRE', key, seconds)
    ttl = seconds * 1000
  end
  answers[index] = { consumed, ttl }
  if consumed > tonumber(limit) then break end
end
return answers
`;

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

/** What a window answers that was not reached: nothing was taken from it. */
const UNTOUCHED: Answer = [0, 0];

/** Several windows in one command: each of them alone is a round trip, and a send asks four. */
export interface WindowScript {
  /** What rate-limiter-flexible takes for its connection to Redis, with as much of one as it uses. */
  readonly client: unknown;
  /**
   * Asks one after the other, up to one that has its answer without asking Redis, and sends what they ask for in one
   * command. Behind one that is refused by Redis nothing is taken, though it looks as if it were allowed.
   */
  inOneTrip<Value>(asks: readonly (() => Promise<Value>)[]): readonly Promise<Value>[];
}

export function createWindowScript({ commands }: RedisConnection): WindowScript {
  commands.defineCommand('madangLimits', { lua: SCRIPT });
  let collected: Call[] = [];

  function send(): void {
    const calls = collected;
    collected = [];
    if (calls.length === 0) return;
    const keys = calls.map(({ key }) => key);
    commands.madangLimits(keys.length, ...keys, ...calls.flatMap(({ args }) => args)).then(
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
      send();
      return answers;
    },
  };
}
