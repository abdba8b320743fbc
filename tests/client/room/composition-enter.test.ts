import { describe, expect, it } from 'vitest';
import { createEnterRule, type Verdict } from '../../../client/src/room/composition-enter.js';

/** Plays what a browser reports and counts how often the text is sent. */
function play({ onScreen = false } = {}) {
  const rule = createEnterRule({ onScreen });
  let sent = 0;
  let time = 0;
  const count = (verdict: Verdict) => {
    if (verdict === 'send') sent++;
    return verdict;
  };
  return {
    compose: (text: string) => {
      rule.compositionStart();
      rule.compositionUpdate(text);
    },
    end: (text: string) => {
      if (!rule.compositionEnd(text, time)) return;
      sent++;
      rule.sent();
    },
    /** The field waited long enough for the end of a composition. */
    giveUp: () => {
      sent++;
      rule.sent();
    },
    /** An Enter; `composing` is what the browser says of it. */
    enter: ({ composing = false, keyCode = 13, shiftKey = false } = {}) =>
      count(rule.keyDown({ key: 'Enter', shiftKey, isComposing: composing, keyCode, timeStamp: time })),
    key: (key: string) =>
      rule.keyDown({ key, shiftKey: false, isComposing: false, keyCode: 0, timeStamp: time }),
    up: () => rule.keyUp('Enter'),
    wait: (ms: number) => {
      time += ms;
    },
    sent: () => sent,
  };
}

const PROCESSED = { composing: true, keyCode: 229 };

describe('Enter and composition', () => {
  it('sends on a plain Enter, and breaks the line with Shift', () => {
    const field = play();
    expect(field.enter({ shiftKey: true })).toBe('pass');
    expect(field.enter()).toBe('send');
    field.up();
    expect(field.enter()).toBe('send');
    expect(field.sent()).toBe(2);
  });

  it('sends once for a press that a browser repeats', () => {
    const field = play();
    for (let repeat = 0; repeat < 3; repeat++) field.enter();
    expect(field.sent()).toBe(1);
  });

  it('sends with the next press when nothing told that the last one ended, as on a Mac while Cmd is held', () => {
    const field = play();
    expect(field.enter()).toBe('send');
    field.key('a');
    expect(field.enter()).toBe('send');
  });

  it('Hangul, Chrome: a composing Enter, then the end of the composition', () => {
    const field = play();
    field.compose('녕');
    expect(field.enter(PROCESSED)).toBe('swallow');
    field.end('녕');
    field.up();
    expect(field.sent()).toBe(1);
  });

  it('Hangul, Chrome on a Mac: the same, and a plain Enter after it', () => {
    const field = play();
    field.compose('녕');
    field.enter(PROCESSED);
    field.end('녕');
    expect(field.enter()).toBe('swallow');
    field.up();
    expect(field.sent()).toBe(1);
  });

  it.each([13, 229])(
    'Hangul, Safari: the end of the composition, then an Enter with key code %i',
    (keyCode) => {
      const field = play();
      field.compose('녕');
      field.end('녕');
      expect(field.enter({ keyCode })).toBe('send');
      field.up();
      expect(field.sent()).toBe(1);
    },
  );

  it('Hangul, some builds: a plain Enter, then the end of the composition', () => {
    const field = play();
    field.compose('녕');
    expect(field.enter()).toBe('swallow');
    expect(field.sent()).toBe(0);
    field.end('녕');
    field.up();
    expect(field.sent()).toBe(1);
  });

  it('sends the next Hangul text with its own Enter', () => {
    const field = play();
    for (const text of ['안', '녕']) {
      field.compose(text);
      field.enter(PROCESSED);
      field.end(text);
      field.up();
      field.wait(200);
    }
    expect(field.sent()).toBe(2);
  });

  it.each(['にほん', 'zhong wen'])(
    'an Enter that confirms %s sends nothing, in any order of events',
    (text) => {
      const chrome = play();
      chrome.compose(text);
      chrome.enter(PROCESSED);
      chrome.end(text);
      const safari = play();
      safari.compose(text);
      safari.end(text);
      expect(safari.enter({ keyCode: 229 })).toBe('swallow');
      const plain = play();
      plain.compose(text);
      plain.end(text);
      expect(plain.enter()).toBe('swallow');
      for (const field of [chrome, safari, plain]) {
        field.up();
        expect(field.sent()).toBe(0);
        field.wait(200);
        expect(field.enter()).toBe('send');
      }
    },
  );

  it('an Enter long after a candidate was chosen with another key sends', () => {
    const field = play();
    field.compose('日本');
    field.end('日本');
    field.wait(400);
    expect(field.enter()).toBe('send');
  });

  it('typing on after a composition makes the next Enter a plain one', () => {
    const field = play();
    field.compose('日本');
    field.end('日本');
    field.key('!');
    expect(field.enter()).toBe('send');
  });

  it.each(['hello', 'việt', '안녕'])(
    'a keyboard on the screen composes %s, and its Enter sends once, whether it ends the composition before, after or never',
    (text) => {
      const before = play({ onScreen: true });
      before.compose(text);
      before.end(text);
      expect(before.enter()).toBe('send');
      const after = play({ onScreen: true });
      after.compose(text);
      expect(after.enter({ composing: true })).toBe('hold');
      after.end(text);
      const never = play({ onScreen: true });
      never.compose(text);
      expect(never.enter({ composing: true })).toBe('hold');
      never.giveUp();
      for (const field of [before, after, never]) {
        expect(field.sent()).toBe(1);
        field.end('');
        field.up();
        expect(field.sent()).toBe(1);
        expect(field.enter()).toBe('send');
      }
    },
  );

  it.each([
    ['にほん', 13],
    ['zhong wen', 229],
  ])('a keyboard on the screen confirms %s with its Enter, key code %i, as others do', (text, keyCode) => {
    const field = play({ onScreen: true });
    field.compose(text);
    expect(field.enter({ composing: true, keyCode })).toBe('pass');
    field.end(text);
    field.up();
    expect(field.sent()).toBe(0);
  });
});
