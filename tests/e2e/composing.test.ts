import { describe, expect, it } from 'vitest';
import { openChat } from './support/chat.js';
import { useStage } from './support/stage.js';

const SOON = { timeout: 20_000 };

describe('the field for a message', () => {
  const stage = useStage();

  it('keeps what is typed over another room and a reload', async () => {
    const window = await openChat(stage.browser, stage.server.url());
    await window.createRoom('Draft');
    await window.composer.fill('half a thought');
    await window.createRoom('Distraction');
    await window.page.getByRole('heading', { name: 'Distraction' }).waitFor();
    expect(await window.composer.inputValue()).toBe('');
    await window.openRoom('Draft');
    expect(await window.composer.inputValue()).toBe('half a thought');
    await window.page.keyboard.type(' and');
    await window.page.reload();
    await window.composer.waitFor();
    await window.page.keyboard.type(' more');
    expect(await window.composer.inputValue()).toBe('half a thought and more');
  });

  it('counts the characters of a text as the server does: syllables, not the letters that a file name of a Mac has', async () => {
    const window = await openChat(stage.browser, stage.server.url());
    await window.createRoom('Syllables');
    const text = '한글'.repeat(450);
    await window.send(text.normalize('NFD'));
    await expect.poll(() => window.texts(), SOON).toEqual([text]);
    // One character that is two in the form in which texts are kept.
    await window.composer.fill('\u0958'.repeat(1001));
    await window.page.getByText('2,002 of at most 2,000 characters').waitFor();
  });

  it('sends a Hangul text once and whole with one Enter', async () => {
    const window = await openChat(stage.browser, stage.server.url());
    await window.createRoom('한글');
    await window.composer.focus();
    const devtools = await window.page.context().newCDPSession(window.page);
    const text = '안녕하세요';
    for (const syllable of text) {
      await devtools.send('Input.imeSetComposition', { text: syllable, selectionStart: 1, selectionEnd: 1 });
      if (syllable !== '요') await devtools.send('Input.insertText', { text: syllable });
    }
    // As Chrome reports it: the Enter while the last syllable is composing, then the end of the composition.
    const key = { key: 'Enter', code: 'Enter', windowsVirtualKeyCode: 229, nativeVirtualKeyCode: 229 };
    await devtools.send('Input.dispatchKeyEvent', { type: 'rawKeyDown', ...key });
    await devtools.send('Input.insertText', { text: '요' });
    await devtools.send('Input.dispatchKeyEvent', { type: 'keyUp', ...key });
    await expect.poll(() => window.texts(), SOON).toEqual([text]);
    await window.send('다음');
    await expect.poll(() => window.texts(), SOON).toEqual([text, '다음']);
    expect(await window.composer.inputValue()).toBe('');
  });

  it('sends a Hangul text without the next one, however soon that is begun', async () => {
    const window = await openChat(stage.browser, stage.server.url());
    await window.createRoom('빨리');
    await window.page.getByRole('heading', { name: '빨리' }).waitFor();
    await window.composer.focus();
    const devtools = await window.page.context().newCDPSession(window.page);
    const compose = (text: string) =>
      devtools.send('Input.imeSetComposition', { text, selectionStart: 1, selectionEnd: 1 });
    const key = { key: 'Enter', code: 'Enter', windowsVirtualKeyCode: 229, nativeVirtualKeyCode: 229 };
    // A page that is busy: what is typed comes before any timer.
    await window.page.clock.install();
    await window.page.clock.pauseAt(Date.now() + 60_000);
    await compose('가');
    await devtools.send('Input.dispatchKeyEvent', { type: 'rawKeyDown', ...key });
    await devtools.send('Input.insertText', { text: '가' });
    await devtools.send('Input.dispatchKeyEvent', { type: 'keyUp', ...key });
    await compose('나');
    await window.page.clock.resume();
    await expect.poll(() => window.texts(), SOON).toEqual(['가']);
    expect(await window.composer.inputValue()).toBe('나');
    await devtools.send('Input.insertText', { text: '나' });
    await window.composer.press('Enter');
    await expect.poll(() => window.texts(), SOON).toEqual(['가', '나']);
  });

  it('sends nothing with the Enter that confirms a Japanese candidate', async () => {
    const window = await openChat(stage.browser, stage.server.url());
    await window.createRoom('日本語');
    await window.composer.focus();
    const devtools = await window.page.context().newCDPSession(window.page);
    await devtools.send('Input.imeSetComposition', { text: 'にほんご', selectionStart: 4, selectionEnd: 4 });
    const key = { key: 'Enter', code: 'Enter', windowsVirtualKeyCode: 229, nativeVirtualKeyCode: 229 };
    await devtools.send('Input.dispatchKeyEvent', { type: 'rawKeyDown', ...key });
    await devtools.send('Input.insertText', { text: '日本語' });
    await devtools.send('Input.dispatchKeyEvent', { type: 'keyUp', ...key });
    await expect.poll(() => window.composer.inputValue(), SOON).toBe('日本語');
    await window.composer.press('Enter');
    // Had the first Enter sent, there would be two, or a part.
    await expect.poll(() => window.texts(), SOON).toEqual(['日本語']);
    expect(await window.composer.inputValue()).toBe('');
  });

  it.each([
    ['in Latin letters', 'hello', 'world'],
    ['in Hangul', '안녕', '하세요'],
  ])(
    'sends with the Enter of a keyboard on the screen, which composes each word %s',
    async (_how, first, second) => {
      const window = await openChat(stage.browser, stage.server.url(), { hasTouch: true, isMobile: true });
      await window.createRoom(`On the screen ${first}`);
      await window.page.getByRole('heading', { name: `On the screen ${first}` }).waitFor();
      await window.composer.tap();
      const devtools = await window.page.context().newCDPSession(window.page);
      const key = { key: 'Enter', code: 'Enter', windowsVirtualKeyCode: 13, nativeVirtualKeyCode: 13 };
      for (const text of [first, second]) {
        await devtools.send('Input.imeSetComposition', {
          text,
          selectionStart: text.length,
          selectionEnd: text.length,
        });
        // The key is not the input method's, and the composition goes on.
        await devtools.send('Input.dispatchKeyEvent', { type: 'keyDown', text: '\r', ...key });
        await devtools.send('Input.dispatchKeyEvent', { type: 'keyUp', ...key });
        await window.message(text).waitFor();
        expect(await window.composer.inputValue()).toBe('');
      }
      expect(await window.texts()).toEqual([first, second]);
      expect(window.trouble).toEqual([]);
    },
  );
});
