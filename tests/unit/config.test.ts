import { describe, expect, it } from 'vitest';
import { ConfigError, loadConfig } from '../../src/config.js';

const problemsOf = (env: Record<string, string>): readonly string[] => {
  try {
    loadConfig(env);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
};

const DISTRIBUTED = { MONGODB_URL: 'mongodb://localhost', AUTH_KEYS_FILE: 'keys' };

describe('loadConfig', () => {
  it('runs embedded on the documented defaults when nothing is set', () => {
    expect(loadConfig({})).toMatchObject({
      http: { port: 8000, host: '127.0.0.1', basePath: '' },
      mode: 'embedded',
      dataDir: './data',
      auth: { keys: null, keysFile: null, tokenLifetimeSeconds: 2_592_000 },
      allowedOrigins: null,
      recentVisitWindowSeconds: 1800,
      rankingIntervalMs: 1000,
      maxReplayedMessages: 1000,
      maxMessageLength: 2000,
      rateLimitFactor: 1,
      drainDelayMs: 0,
      drainWindowMs: 0,
    });
  });

  it.each([
    'mongodb://localhost',
    'mongodb://user:pass@one:27017,two:27017,three:27018/madang?replicaSet=rs0',
    'mongodb+srv://cluster.example.com/madang',
  ])('takes a MongoDB of one host or several (%s)', (MONGODB_URL) => {
    expect(problemsOf({ MONGODB_URL, AUTH_KEYS_FILE: 'keys' })).toEqual([]);
  });

  it.each(['http://localhost', 'mongodb://', 'mongodb:///madang', 'localhost:27017'])(
    'refuses what is no MongoDB (%s)',
    (MONGODB_URL) => {
      expect(problemsOf({ MONGODB_URL, AUTH_KEYS_FILE: 'keys' }).join()).toContain('MONGODB_URL must be');
    },
  );

  it.each([
    'redis://localhost',
    'redis://localhost:6379/3',
    'rediss://chat:p%C3%A9%25@one:6379/?family=6',
    'redis://:secret@one:6379,redis://two:6379',
  ])('takes a Redis, or the seeds of a cluster (%s)', (REDIS_URL) => {
    expect(problemsOf({ ...DISTRIBUTED, REDIS_URL })).toEqual([]);
  });

  it.each([
    'localhost:6379',
    'redis://:canary%zz@localhost',
    'redis://localhost,redis://canary%ff:x@two',
    'redis://canary%:41@localhost',
    'redis://localhost/canary',
    'redis://localhost/3/canary',
  ])('refuses what the driver of Redis could not read, and does not show it (%s)', (REDIS_URL) => {
    const problems = problemsOf({ ...DISTRIBUTED, REDIS_URL });
    expect(problems).toEqual([expect.stringMatching(/^REDIS_URL must/)]);
    expect(problems.join()).not.toContain('canary');
  });

  it.each(['https://*.example.com', 'https://chat.example.com,http://*:3000', '*,https://chat.example.com'])(
    'refuses an asterisk within a list of origins, which would match nothing (%s)',
    (ALLOWED_ORIGINS) => {
      expect(problemsOf({ ALLOWED_ORIGINS })).toEqual([expect.stringMatching(/^ALLOWED_ORIGINS must/)]);
    },
  );

  it('names every problem at once, each by its variable', () => {
    const problems = problemsOf({
      PORT: 'eighty',
      API_PROFILE: 'open',
      REDIS_URL: 'redis://localhost',
      AUTH_KEYS: 'a:c2hvcnQ',
    });
    expect(problems).toHaveLength(4);
    expect(problems.join('\n')).toMatch(/PORT.*\n?[^]*API_PROFILE[^]*/);
    expect(problems.join('\n')).toContain('REDIS_URL needs MONGODB_URL');
    expect(problems.join('\n')).toContain('AUTH_KEYS');
  });

  it('refuses one port for two servers, unless each picks a free one', () => {
    expect(problemsOf({ PORT: '9090', METRICS_PORT: '9090' })).toEqual([
      'METRICS_PORT must be another one than PORT',
    ]);
    expect(problemsOf({ PORT: '0', METRICS_PORT: '0' })).toEqual([]);
  });

  it.each(['0', '-1', 'fast', 'NaN', 'Infinity', '1e10', '1e308'])(
    'refuses RATE_LIMITS=%s',
    (RATE_LIMITS) => {
      expect(problemsOf({ RATE_LIMITS })).toEqual([expect.stringContaining('RATE_LIMITS must be on, off')]);
    },
  );

  it('never shows a key', () => {
    expect(problemsOf({ AUTH_KEYS: 'a:c2hvcnQ' }).join()).not.toContain('c2hvcnQ');
  });

  it('has no default for secrets in distributed mode', () => {
    expect(problemsOf({ MONGODB_URL: 'mongodb://localhost' }).join()).toContain('AUTH_KEYS');
  });

  it.each([
    ['/chat/', '/chat'],
    ['/chat', '/chat'],
    ['/', ''],
  ])('takes BASE_PATH %s with or without its final slash', (given, basePath) => {
    expect(loadConfig({ BASE_PATH: given }).http.basePath).toBe(basePath);
  });
});
