/** What the rule needs of a key event. */
export interface Key {
  readonly key: string;
  readonly shiftKey: boolean;
  readonly isComposing: boolean;
  readonly keyCode: number;
  /** When it happened, in milliseconds. */
  readonly timeStamp: number;
}

/**
 * What to do with a key: `send` now · `hold` it, without a line break, and send when the composition ends, or soon if
 * that does not · `swallow` it · `pass` it on to the field.
 */
export type Verdict = 'send' | 'hold' | 'swallow' | 'pass';

/** An Enter this soon after the end of a composition, in milliseconds, is the one that ended it. */
const SAME_PRESS_MS = 50;
/** What browsers report for a key that an input method works on. */
const PROCESSED_BY_INPUT_METHOD = 229;
const HANGUL = /\p{Script=Hangul}/u;
/** What is chosen among candidates. */
const CHOSEN = /[\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}\p{sc=Bopomofo}]/u;

/**
 * Decides which Enter sends. The last Hangul syllable is still composing when Enter comes, and browsers report key and
 * end of the composition in any order: one Enter sends the text once, with its last syllable. An Enter that confirms
 * a Japanese or Chinese candidate sends nothing. Keyboards on a screen compose every word, in Latin letters too, up to the
 * next space, and an Enter does not end that: one that they leave to the page is meant for it.
 */
export function createEnterRule({ onScreen }: { onScreen: boolean }) {
  let composing = false;
  let composed = '';
  let endedAt = -Infinity;
  /** An Enter came while Hangul was composing: it sends as soon as the composition ends. */
  let held = false;
  /** This press of Enter has done its work; a browser may report it again. */
  let spent = false;

  function enter({ isComposing, keyCode, timeStamp }: Key): Verdict {
    if (spent) return 'swallow';
    const left = onScreen && keyCode !== PROCESSED_BY_INPUT_METHOD && !CHOSEN.test(composed);
    const meant = left || HANGUL.test(composed);
    if (composing || isComposing) {
      held = meant;
      spent = true;
      return left ? 'hold' : meant ? 'swallow' : 'pass';
    }
    const endedByThis = keyCode === PROCESSED_BY_INPUT_METHOD || timeStamp - endedAt < SAME_PRESS_MS;
    if (endedByThis && composed !== '' && !meant) {
      composed = '';
      return 'swallow';
    }
    spent = true;
    return 'send';
  }

  return {
    compositionStart(): void {
      composing = true;
      composed = '';
    },
    compositionUpdate(data: string): void {
      composed = data;
    },
    /** True when an Enter came first: send once the browser has put the last syllable into the field. */
    compositionEnd(data: string, timeStamp: number): boolean {
      composing = false;
      if (data !== '') composed = data;
      endedAt = timeStamp;
      const send = held;
      held = false;
      return send;
    },
    /** What was held is sent. */
    sent(): void {
      composing = false;
      held = false;
    },
    keyDown(event: Key): Verdict {
      if (event.key === 'Enter' && !event.shiftKey) return enter(event);
      // Another key: the next Enter is another press, though no browser may have told that this one ended, as none on a
      // Mac does while Cmd is held; and whatever was composed before has nothing to do with it.
      spent = false;
      if (!composing && !event.isComposing) composed = '';
      return 'pass';
    },
    keyUp(key: string): void {
      if (key !== 'Enter') return;
      spent = false;
      if (!composing) composed = '';
    },
  };
}
