import type { Config } from '../config.js';
import { createAuthKeys } from '../visitors/auth-keys.js';

/**
 * Says what a valid configuration amounts to, without a secret. One whose settings are wrong has thrown before.
 *
 * @throws ConfigError or StartError when `AUTH_KEYS_FILE` holds no usable key.
 */
export function check(config: Config, print: (line: string) => void): number {
  // Without it there is nothing to look at: a start would make its own key.
  if (config.auth.keysFile !== null) createAuthKeys(config);
  const { host, port, basePath } = config.http;
  print(`serves on ${host}:${port}${basePath}`);
  print(config.mode === 'embedded' ? `stores in ${config.dataDir}` : 'stores in MongoDB');
  const bus = config.redisUrls.length > 0 ? 'Redis' : 'the process: this must be the only instance';
  print(`carries events and presence in ${bus}`);
  if (config.rateLimitFactor !== 1) print('rate limits are not as delivered: RATE_LIMITS is set');
  print('the configuration is valid');
  return 0;
}
