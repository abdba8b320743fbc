import { randomUUID } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import { load, partOf, say } from '../faults/scenario.js';
import { createRoom, createVisitor, readLog, sendMessage, type TestVisitor } from '../testkit/seed.js';
import { openChat, type ChatWindow } from './support/chat.js';
import { noteLooks, wrongLooks, type Looks } from './support/history.js';
import { useStage } from './support/stage.js';

const { rounds, awayMs } = load({
  short: { rounds: 3, awayMs: 2000 },
  long: { rounds: partOf(20), awayMs: 60_000 },
});
const EVERY_MS = 100;
const SOON = { timeout: 120_000 };
/** A reader of everything turns the wheel by so little that no line passes between two looks, not even by three turns. */
const TURN_PX = 600;
const READ_THROUGH = { timeout: 600_000 };

/** What befalls the page in turn; each ends with everything as it was before. */
const EVENTS = ['no network', 'asleep', 'another server'] as const;

describe(`R28: a browser over ${rounds} rounds of no network, sleep and another server`, () => {
  const stage = useStage();
  let visitor: TestVisitor;
  let ana: ChatWindow;
  let roomId: string;
  let looks: () => Promise<Looks>;
  let said = 0;
  const own: string[] = [];
  beforeAll(async () => {
    visitor = await createVisitor(stage.server.url());
    roomId = await createRoom(stage.server.url(), visitor, 'Through everything');
    ana = await openChat(stage.browser, stage.server.url(), { path: `/rooms/${roomId}` });
    await ana.page.getByRole('heading', { name: 'Through everything' }).waitFor();
    looks = await noteLooks(ana.page);
  });
  const texts = async () => (await readLog(stage.server.url(), roomId)).map(({ text }) => text);

  /** What the page shows in place of the newest messages of this history. */
  async function astray(history: readonly string[]): Promise<readonly string[]> {
    const shown = await ana.texts();
    if (shown.length === 0) return ['nothing'];
    const newest = history.slice(-shown.length);
    return shown.flatMap((text, row) => (text === newest[row] ? [] : [`${text} in place of ${newest[row]}`]));
  }

  /** Others talk all the while, whatever the server does: each text is sent until it is stored. */
  async function othersTalk(until: AbortSignal): Promise<void> {
    const url = stage.server.url();
    while (!until.aborted) {
      said += 1;
      const input = { roomId, text: `said ${said}`, idempotencyKey: randomUUID() };
      for (;;) {
        const sent = await sendMessage(url, visitor, input).catch(() => null);
        if (sent?.message != null) break;
        await wait(EVERY_MS);
      }
      await wait(EVERY_MS);
    }
  }

  async function write(round: number): Promise<void> {
    for (const part of ['first', 'second', 'third']) {
      const text = `own ${round}, ${part}`;
      own.push(text);
      await ana.send(text);
    }
  }

  async function restart(): Promise<void> {
    const again = { PORT: new URL(stage.server.url()).port };
    await stage.server.kill();
    await stage.server.restart(again);
  }

  async function befall(event: (typeof EVENTS)[number], round: number): Promise<void> {
    if (event === 'another server') {
      const again = { PORT: new URL(stage.server.url()).port };
      await stage.server.kill();
      await ana.connection('Reconnecting').waitFor();
      await write(round);
      await stage.server.restart(again);
      return;
    }
    await ana.page.context().setOffline(true);
    await ana.connection('Offline').waitFor();
    await write(round);
    if (event === 'no network') {
      await wait(awayMs);
    } else {
      const devtools = await ana.page.context().newCDPSession(ana.page);
      await devtools.send('Page.setWebLifecycleState', { state: 'frozen' });
      await wait(awayMs / 2);
      await restart();
      await devtools.send('Page.setWebLifecycleState', { state: 'active' });
      await devtools.detach();
    }
    await ana.page.context().setOffline(false);
  }

  it('shows what the history holds, each once and never in another order, and sends what was written once', async () => {
    let seen = 0;
    for (let round = 0; round < rounds; round += 1) {
      const enough = new AbortController();
      const talking = othersTalk(enough.signal);
      await befall(EVENTS[round % EVENTS.length] ?? 'no network', round);
      await ana.connection('Connected').waitFor();
      enough.abort();
      await talking;
      // What the page says of them is no sign yet: a line that comes into view says nothing for a moment.
      const arrived = async () => (await texts()).filter((text) => text.startsWith('own'));
      await expect.poll(arrived, SOON).toEqual(own);
      await expect.poll(() => ana.log.getByRole('status').count(), SOON).toBe(0);
      const history = await texts();
      // Own lines stand at the end from the moment they are written: the rest of the history comes in before them.
      await expect.poll(() => astray(history), SOON).toEqual([]);
      const noted = await looks();
      seen += noted.length;
      expect(wrongLooks(noted, history)).toEqual([]);
      expect(history.filter((text) => text.startsWith('own'))).toEqual(own);
    }
    // From the first to the last, as a reader scrolls through it.
    const history = await texts();
    const read = new Set(await ana.texts());
    await ana.log.hover();
    await expect
      .poll(async () => {
        await ana.page.mouse.wheel(0, -TURN_PX);
        for (const text of await ana.texts()) read.add(text);
        return read.size;
      }, READ_THROUGH)
      .toBe(history.length);
    expect(wrongLooks(await looks(), history)).toEqual([]);
    say(
      `R28: ${rounds} rounds, ${awayMs / 1000} s away: ${history.length} messages, ${own.length} of them written meanwhile, ` +
        `${seen} looks of the list, 0 violations`,
    );
  });
});
