import { useTexts } from '../ui/language.js';
import { passFocusTo } from '../ui/pass-focus.js';
import type { Texts } from '../ui/texts.js';

interface Look {
  /** How many rooms are shown. */
  readonly shown: number;
  /** How many are held, of which those are shown that a search matches. */
  readonly held: number;
  readonly searching: boolean;
  /** Whether more may come by itself. */
  readonly loading: boolean;
  /** Whether nothing new will come. */
  readonly failed: boolean;
  /** Whether there are rooms below those that are held. */
  readonly more: boolean;
}

const toSearch = passFocusTo(() => document.querySelector<HTMLElement>('input[type=search]'));

/** Stands below the rooms: why there is none, how far down the list was searched, or that it is not fresh. */
export function ListEnd({ onMore, ...look }: Look & { onMore: () => void }) {
  const texts = useTexts();
  const words = wordsFor(look, texts);
  return (
    <div className="list-end">
      <output>{words}</output>
      {look.searching && look.more && (
        <button type="button" className="button-small" ref={toSearch} onClick={onMore}>
          {texts.searchFurther}
        </button>
      )}
      {look.failed && (
        <button type="button" className="button-small" onClick={() => window.location.reload()}>
          {texts.reload}
        </button>
      )}
    </div>
  );
}

function wordsFor({ shown, held, searching, loading, failed, more }: Look, texts: Texts): string | null {
  if (failed) return texts.listFailed;
  if (shown === 0 && loading) return texts.loading;
  if (searching && more) return shown === 0 ? texts.notInFirst(held) : texts.searchedFirst(held);
  if (shown > 0) return null;
  return held === 0 ? texts.noRoomsYet : texts.noRoomsFound;
}
