import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { programPath } from '../testkit/services/index.js';

const run = promisify(execFile);

async function config(env: Readonly<Record<string, string>>): Promise<string> {
  const compose = await programPath('compose');
  const args = compose.endsWith('docker') ? ['compose', 'config'] : ['config'];
  const { stdout } = await run(compose, args, {
    env: { PATH: process.env['PATH'], HOME: process.env['HOME'], ...env },
  });
  return stdout;
}

describe('docker-compose.yml', () => {
  it('is valid, and starts two servers behind a balancer with MongoDB and Redis', async () => {
    const text = await config({ AUTH_KEYS: 'main:test' });
    for (const service of ['balancer', 'server-1', 'server-2', 'mongo', 'redis']) {
      expect(text).toMatch(new RegExp(`^ {2}${service}:$`, 'm'));
    }
    expect(text).toContain('AUTH_KEYS: main:test');
    expect(text).toContain('noeviction');
    expect(text.match(/condition: service_healthy/g)?.length).toBeGreaterThanOrEqual(6);
  });

  it('refuses to start without a key, and says what to do', async () => {
    await expect(config({})).rejects.toThrow(/AUTH_KEYS/);
    await expect(config({})).rejects.toThrow(/make a key first/);
  });
});
