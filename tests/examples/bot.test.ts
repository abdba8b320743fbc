import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { eventually, useServer } from '../api/world.js';
import { ask } from '../testkit/graphql-client.js';
import { createRoom, createVisitor, readLog, sendMessage } from '../testkit/seed.js';
import { proxyTo, start, withNpm } from './kit.js';

const ONLINE = 'query ($roomId: ID!) { room(id: $roomId) { onlineCount } }';

describe('the bot', () => {
  const chat = useServer('embedded');

  it('answers each question once, over cut connections and when it is killed and started again', async () => {
    const folder = await withNpm('bot');
    await rm(join(folder, 'bot.json'), { force: true });
    const visitor = await createVisitor(chat.url);
    const roomId = await createRoom(chat.url, visitor);
    const { proxy, url } = await proxyTo(chat.url);
    const run = () =>
      start(process.execPath, ['--import', 'tsx', 'bot.ts', roomId], folder, { MADANG_URL: url });
    let questions = 0;
    const question = async () => {
      questions += 1;
      await sendMessage(chat.url, visitor, { roomId, text: `ping ${questions}` });
    };
    const answers = async () =>
      (await readLog(chat.url, roomId)).filter(({ text }) => text.startsWith('pong')).length;
    const answered = () => eventually(answers, (count) => count >= questions);
    const online = async () =>
      (await ask<{ room: { onlineCount: number } }>(chat.url, ONLINE, { roomId })).room.onlineCount;

    let bot = run();
    await eventually(online, (count) => count === 1);
    await question();
    await answered();
    for (let round = 1; round <= 3; round += 1) {
      proxy.reset();
      await question();
      await question();
    }
    await answered();
    for (let round = 1; round <= 2; round += 1) {
      await question();
      await bot.kill();
      await question();
      bot = run();
      await answered();
    }
    await bot.kill();
    expect(await answers()).toBe(questions);
  });
});
