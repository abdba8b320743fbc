import { useId, useState } from 'react';
import { useChat } from '../session/chat-context.js';
import { useTexts } from './language.js';
import { THEMES } from './theme.js';

/** Light, dark, or as the system has it; at once, and kept. */
export function ThemeChoice() {
  const texts = useTexts();
  const { theme } = useChat();
  const [chosen, setChosen] = useState(theme.get);
  const name = useId();
  return (
    <fieldset className="choice">
      <legend>{texts.colours}</legend>
      {THEMES.map((each) => (
        <label key={each}>
          <input
            type="radio"
            name={name}
            checked={each === chosen}
            onChange={() => {
              theme.choose(each);
              setChosen(each);
            }}
          />
          {texts.themes[each]}
        </label>
      ))}
    </fieldset>
  );
}
