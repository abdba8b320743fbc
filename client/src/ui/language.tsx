import { createContext, useContext, useEffect, useMemo, useState, type ReactNode } from 'react';
import { localeOfTimes } from './locale-of-times.js';
import { chooseLanguage, TEXTS, type Language, type Texts } from './texts.js';
import { useTimeZone } from './use-today.js';

/** How dates and times of day are written. */
export interface Times {
  readonly locale: string;
  /** The reader's, which moves with the machine. */
  readonly zone: string;
}

const LanguageContext = createContext<Language>('en');
const TimesContext = createContext<Times>({ locale: 'en', zone: '' });

/** Chooses the language once per page and tells the document. */
export function LanguageProvider({ children }: { children: ReactNode }) {
  const [language] = useState(() => chooseLanguage(window.location.search, navigator.languages));
  useEffect(() => {
    document.documentElement.lang = language;
  }, [language]);
  const [locale] = useState(() => localeOfTimes(language, navigator.languages));
  const zone = useTimeZone();
  const times = useMemo(() => ({ locale, zone }), [locale, zone]);
  return (
    <LanguageContext value={language}>
      <TimesContext value={times}>{children}</TimesContext>
    </LanguageContext>
  );
}

const useLanguage = (): Language => useContext(LanguageContext);
export const useTexts = (): Texts => TEXTS[useLanguage()];
export const useTimes = (): Times => useContext(TimesContext);
