import { createContext, useContext, useEffect, useState, type ReactNode } from 'react';
import { chooseLanguage, TEXTS, type Language, type Texts } from './texts.js';

const LanguageContext = createContext<Language>('en');

/** Chooses the language once per page and tells the document. */
export function LanguageProvider({ children }: { children: ReactNode }) {
  const [language] = useState(() => chooseLanguage(window.location.search, navigator.languages));
  useEffect(() => {
    document.documentElement.lang = language;
  }, [language]);
  return <LanguageContext value={language}>{children}</LanguageContext>;
}

export const useLanguage = (): Language => useContext(LanguageContext);
export const useTexts = (): Texts => TEXTS[useLanguage()];
