/**
 * `npm run docs:pictures`: takes the pictures of the web client in `docs/images`, in a real Chromium at a real server
 * with a few visitors who talk.
 */
import type { BrowserContextOptions } from 'playwright-core';
import { openBrowser } from '../tests/e2e/support/browser.js';
import { foundation } from '../tests/testkit/foundation.js';
import { ask } from '../tests/testkit/graphql-client.js';
import { createRoom, createVisitor, sendMessage, type TestVisitor } from '../tests/testkit/seed.js';
import { startServerChild } from '../tests/testkit/server-child.js';

const FOLDER = 'docs/images';
const DESK: BrowserContextOptions = { viewport: { width: 1200, height: 760 } };
const PHONE: BrowserContextOptions = {
  viewport: { width: 360, height: 740 },
  deviceScaleFactor: 2,
  hasTouch: true,
  isMobile: true,
};
/** Until the list has its newest counts and nothing glides. */
const STILL_MS = 2000;
const RENAME = `mutation ($displayName: String!) { renameViewer(input: { displayName: $displayName }) { visitor { id } } }`;
const VISIT = `mutation ($roomId: ID!) { visitRoom(input: { roomId: $roomId }) { userErrors { code } } }`;

type Name = 'Mina' | '준호' | 'Solveig' | 'Ada' | 'Kai';
type Said = readonly (readonly [Name, string])[];
const NAMES: readonly Name[] = ['Mina', '준호', 'Solveig', 'Ada', 'Kai'];
const ROOMS: readonly (readonly [string, number, Said])[] = [
  [
    'Courtyard',
    5,
    [
      ['Mina', 'Good morning! The lanterns are up.'],
      ['Solveig', 'They look lovely from the bridge. Are we still meeting at seven?'],
      ['Ada', 'Yes. I bring tea, Kai brings the drum.'],
      ['Kai', 'Plan and map: https://example.com/courtyard'],
      ['Mina', 'Perfect, see you there'],
      ['Solveig', 'One more thing:\nplease bring a cup,\nwe are short of them.'],
      ['준호', '네, 챙겨 갈게요!'],
    ],
  ],
  [
    '마당 이야기',
    4,
    [
      ['준호', '오늘 저녁에 다들 오시나요?'],
      ['Mina', '네, 일곱 시에 봐요. 등불은 벌써 달아 두었어요.'],
      ['준호', '좋아요! 북은 제가 챙길게요.'],
      ['Ada', '차는 제가 가져갈게요.'],
      ['Mina', '약도입니다: https://example.com/courtyard'],
      ['준호', '고마워요. 조금 이따 봅시다.'],
    ],
  ],
  [
    'Book club',
    3,
    [
      ['Ada', 'Chapter four for Thursday'],
      ['Kai', 'Already done, it is a good one'],
    ],
  ],
  ['Music', 3, [['Kai', 'Anyone with a cello?']]],
  ['Night shift', 2, [['Solveig', 'All quiet']]],
  ['Gardening', 2, [['Mina', 'The tomatoes are in']]],
  ['Chess', 1, [['Ada', 'e4']]],
  ['A room with a rather long name that has to end somewhere', 1, [['준호', 'hi']]],
];
const LATER: Said = [
  ['Mina', 'Where shall I put the benches?'],
  ['준호', 'By the old well, please.'],
  ['Solveig', 'There is some wind, so fasten the lanterns.'],
  ['Ada', 'Done, all twelve of them.'],
  ['Kai', 'The drum is here!'],
  ['Mina', 'And the tea?'],
  ['준호', 'On its way, twenty minutes.'],
  ['Solveig', 'Somebody left a blue scarf on the bridge.'],
  ['Ada', 'Mine, thank you! I pick it up.'],
  ['Kai', 'It is at the gate.'],
  ['Mina', 'Seven o’clock, then.'],
  ['준호', 'See you all!'],
];

const base = await foundation('embedded');
const [browser, server] = await Promise.all([openBrowser(), startServerChild({ env: base.env })]);
const url = server.url();

const visitors = new Map<Name, TestVisitor>();
for (const displayName of NAMES) {
  const visitor = await createVisitor(url);
  await ask(url, RENAME, { displayName }, { token: visitor.token });
  visitors.set(displayName, visitor);
}
const visitor = (name: Name) => visitors.get(name)!;
const say = async (roomId: string, said: Said) => {
  for (const [name, text] of said) await sendMessage(url, visitor(name), { roomId, text });
};
const ids = new Map<string, string>();
for (const [name, guests, said] of ROOMS) {
  const roomId = await createRoom(url, visitor('Mina'), name);
  ids.set(name, roomId);
  for (const guest of NAMES.slice(0, guests)) {
    await ask(url, VISIT, { roomId }, { token: visitor(guest).token });
  }
  await say(roomId, said);
}

/** Opens a room as somebody with a name. */
async function open(room: string, name: string, options: BrowserContextOptions, search = '') {
  const { page } = await browser.openWindow(`${url}/client/rooms/${ids.get(room)}${search}`, options);
  await page.getByRole('article').first().waitFor();
  await page.getByRole('button', { name: /You are|내 이름/ }).click();
  await page.getByRole('dialog').getByRole('textbox').fill(name);
  await page.keyboard.press('Enter');
  await page.getByRole('dialog').waitFor({ state: 'detached' });
  return {
    page,
    write: async (text: string) => {
      await page.locator('textarea').fill(text);
      await page.locator('textarea').press('Enter');
    },
    picture: async (file: string) => {
      await page.waitForTimeout(STILL_MS);
      await page.screenshot({ path: `${FOLDER}/${file}.png` });
    },
  };
}

const desk = await open('Courtyard', 'Robin', DESK);
await desk.write('I have six spare cups, I bring them all.');
const dark = await open('Courtyard', 'Wren', { ...DESK, colorScheme: 'dark' });
await dark.write('And I bring the lamp oil.');
await desk.picture('chat');
await dark.picture('dark');

const korean = await open('마당 이야기', '하늘', { ...DESK, locale: 'ko-KR' }, '?lang=ko');
await korean.write('저도 갑니다. 컵 여섯 개 가져갈게요.');
await korean.picture('korean');

const phone = await open('Courtyard', 'Fern', PHONE);
await phone.write('I am late, start without me.');
await phone.picture('phone');

await desk.page.getByRole('link', { name: 'Book club' }).click();
await desk.page.getByRole('heading', { name: 'Book club' }).waitFor();
await say(ids.get('Courtyard')!, LATER);
await desk.page.getByRole('link', { name: /^Courtyard .* unread/ }).click();
await desk.page.getByRole('separator', { name: 'New messages' }).waitFor();
await desk.page.mouse.move(800, 300);
await desk.picture('unread');

await desk.page.context().setOffline(true);
await desk.page.getByRole('status', { name: 'Offline' }).waitFor();
await desk.write('Typed on the train, in a tunnel.');
await desk.write('It goes out by itself.');
await desk.picture('offline');

await browser.close();
await server.stop();
await base.dispose();
// The test kit's desk listens for as long as the process lives.
process.exit();
