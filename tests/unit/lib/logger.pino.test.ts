import { describe, expect, it } from 'vitest';
import { createLogger } from '../../../src/lib/logger.pino.js';

type Level = Parameters<typeof createLogger>[0]['level'];

const recorder = (level: Level = 'trace', format: 'json' | 'pretty' = 'json') => {
  const lines: string[] = [];
  const log = createLogger({ level, format, destination: { write: (line) => void lines.push(line) } });
  return { log, lines };
};

const CANARY = 'canary-5f3a';
const TOKEN = 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl';

describe('createLogger', () => {
  it('writes one JSON object per line, with words for levels and ISO times', () => {
    const { log, lines } = recorder();
    log.info({ port: 8000 }, 'listening');
    expect(lines).toHaveLength(1);
    expect(JSON.parse(lines[0]!)).toEqual({
      level: 'info',
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/) as unknown,
      port: 8000,
      msg: 'listening',
    });
  });

  it.each([
    ['info', ['info', 'warn', 'error']],
    ['error', ['error']],
    ['silent', []],
  ] as const)('at %s writes %j', (level, expected) => {
    const { log, lines } = recorder(level);
    for (const name of ['trace', 'debug', 'info', 'warn', 'error'] as const) log[name]({}, name);
    expect(lines.map((line) => (JSON.parse(line) as { level: string }).level)).toEqual(expected);
  });

  it('writes lines for people, without secrets, in the pretty format', () => {
    const { log, lines } = recorder('info', 'pretty');
    log.warn({ room: 'r', token: CANARY }, 'look here');
    expect(lines.join('')).toContain('look here');
    expect(lines.join('')).toContain('room');
    expect(lines.join('')).not.toContain(CANARY);
  });

  it.each([
    ['a token', { token: CANARY }],
    ['a header', { headers: { Authorization: `Bearer ${CANARY}`, cookie: CANARY } }],
    ['what a socket was opened with', { connectionParams: { any: CANARY } }],
    ['the text of a message', { variables: { input: { text: CANARY } } }],
    ['an idempotency key', { input: [{ idempotencyKey: CANARY }] }],
    ['a stored key', { record: { key: CANARY } }],
    ['a token in any text', { note: `got ${TOKEN}`, canary: 1 }],
    ['a password in a URL', { url: `redis://user:${CANARY}@host:6379` }],
    ['bytes', { body: Buffer.from(CANARY) }],
  ])('never writes %s', (_, fields) => {
    const { log, lines } = recorder();
    log.trace(fields, 'line');
    expect(lines).toHaveLength(1);
    expect(lines[0]).not.toMatch(/canary-5f3a|c2lnbmF0dXJl|Y2FuYXJ5|99,97,110/);
  });

  it('writes a line about something that holds itself', () => {
    const { log, lines } = recorder();
    const endless: Record<string, unknown> = { token: CANARY };
    endless['self'] = endless;
    log.info({ endless }, 'line');
    expect(lines[0]).toContain('"msg":"line"');
    expect(lines[0]).not.toContain(CANARY);
  });

  it('truncates addresses', () => {
    const { log, lines } = recorder();
    log.info({ address: '192.0.2.77', socket: { remoteAddress: '2001:db8:1:2:3::9' } }, 'line');
    expect(lines[0]).toContain('192.0.2.0/24');
    expect(lines[0]).toContain('2001:db8:1:2::/64');
    expect(lines[0]).not.toContain('192.0.2.77');
  });

  it('keeps what explains an error, and nothing that a driver hung on it', () => {
    const { log, lines } = recorder();
    const cause = Object.assign(new Error(`E11000 dup key: { key: "${CANARY}" }`), { code: 11_000 });
    const error = Object.assign(new Error('refused', { cause }), { command: { args: [CANARY] }, code: 'EX' });
    log.error({ err: error }, 'failed');
    const line = JSON.parse(lines[0]!) as { err: Record<string, unknown> };
    expect(line.err).toMatchObject({
      type: 'Error',
      message: 'refused',
      code: 'EX',
      cause: { code: 11_000 },
    });
    expect(line.err['stack']).toContain('logger.pino.test');
    expect(lines[0]).not.toContain(CANARY);
  });
});
