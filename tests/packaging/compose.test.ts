import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
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

  it('builds no two images of one name: on a machine that has none yet, the second one fails', async () => {
    const services = (await config({ AUTH_KEYS: 'main:test' })).split(/^ {2}(?=\S)/m);
    const built = services.filter((service) => /^ {4}build:/m.test(service));
    expect(built).toHaveLength(2);
    const names = built.map((service) => /^ {4}image: (.*)$/m.exec(service)?.[1]).filter(Boolean);
    expect(new Set(names).size).toBe(names.length);
  });

  it('hands on what is set, and nothing else', async () => {
    const text = await config({ AUTH_KEYS: 'main:test', RATE_LIMITS: '7' });
    expect(text.match(/RATE_LIMITS: ['"]?7/g)).toHaveLength(2);
    expect(text).toMatch(/LOG_LEVEL:( null)?$/m);
  });

  it('names every setting but those of one server alone', () => {
    const names = (file: string, pattern: RegExp) =>
      [...readFileSync(file, 'utf8').matchAll(pattern)].map(([, name]) => name);
    const alone = ['AUTH_KEYS_FILE', 'BASE_PATH', 'DATA_DIR'];
    const listed = names('.env.example', /^(?:# )?([A-Z][A-Z_]+)=/gm);
    const handed = names('docker-compose.yml', /^ {4}([A-Z][A-Z_]+):/gm);
    expect(new Set([...handed, ...alone])).toEqual(new Set(listed));
  });

  it('refuses to start without a key, and says what to do', async () => {
    await expect(config({})).rejects.toThrow(/AUTH_KEYS/);
    await expect(config({})).rejects.toThrow(/make a key first/);
  });
});
