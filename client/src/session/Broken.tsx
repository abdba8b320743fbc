import { useTexts } from '../ui/language.js';

/** Stands in place of everything when showing it has failed. */
export function Broken() {
  const texts = useTexts();
  return (
    <main className="empty" role="alert">
      <h1>{texts.broken}</h1>
      <button type="button" className="primary" onClick={() => window.location.reload()}>
        {texts.reload}
      </button>
    </main>
  );
}
