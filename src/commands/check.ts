import type { Config } from '../config.js';

/** Says what a valid configuration amounts to, without a secret. An invalid one has thrown before. */
export function check(config: Config, print: (line: string) => void): number {
  const { host, port, basePath } = config.http;
  print(`serves on ${host}:${port}${basePath}`);
  print(config.mode === 'embedded' ? `stores in ${config.dataDir}` : 'stores in MongoDB');
  const bus = config.redisUrls.length > 0 ? 'Redis' : 'the process: this must be the only instance';
  print(`carries events and presence in ${bus}`);
  if (config.rateLimitFactor !== 1) print('rate limits are not as delivered: RATE_LIMITS is set');
  print('the configuration is valid');
  return 0;
}
