import { describe, expect, it } from 'vitest';
import { useServer } from '../api/world.js';
import { createRoom, createVisitor } from '../testkit/seed.js';
import { finish, installed, QUIET, start } from './kit.js';

describe('typed operations, without anything of ours but the schema', () => {
  const chat = useServer('embedded');

  it('are generated, checked and run from an empty folder', async () => {
    const visitor = await createVisitor(chat.url);
    await createRoom(chat.url, visitor, 'A typed room');
    const env = { MADANG_URL: chat.url };
    const folder = await installed('typed-operations', async (at) => {
      await finish('npm', ['install', ...QUIET], at);
    });
    await finish('npm', ['run', '--silent', 'codegen'], folder, env);
    await finish('npm', ['run', '--silent', 'typecheck'], folder);
    const program = start('npm', ['run', '--silent', 'start'], folder, env);
    expect(await program.exited).toBe(0);
    expect(program.output()).toMatch(/^A typed room: 1 visitors, no message yet\nok$/m);
  });
});
