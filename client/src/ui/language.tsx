import { createContext, useContext, useEffect, useState, type ReactNode } from 'react';
import { localeOfTimes } from './locale-of-times.js';
import { chooseLanguage, TEXTS, type Language, type Texts } from './texts.js';

const LanguageContext = createContext<Language>('en');
const TimesContext = createContext('en');

/** Chooses the language once per page and tells the document. */
export function LanguageProvider({ children }: { children: ReactNode }) {
  const [language] = useState(() => chooseLanguage(window.location.search, navigator.languages));
  useEffect(() => {
    document.documentElement.lang = language;
  }, [language]);
  const [times] = useState(() => localeOfTimes(language, navigator.languages));
  return (
    <LanguageContext value={language}>
      <TimesContext value={times}>{children}</TimesContext>
    </LanguageContext>
  );
}

const useLanguage = (): Language => useContext(LanguageContext);
export const useTexts = (): Texts => TEXTS[useLanguage()];
/** How dates and times of day are written. */
export const useTimesLocale = (): string => useContext(TimesContext);
