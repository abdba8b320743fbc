/** A sentence for each plural form that a language has; `#` stands for the number. */
export type Forms = { readonly other: string } & Readonly<Partial<Record<Intl.LDMLPluralRule, string>>>;

interface Counting {
  readonly rules: Intl.PluralRules;
  readonly numbers: Intl.NumberFormat;
}

/** Making these takes longer than a line may. */
const made = new Map<string, Counting>();

function countingOf(language: string): Counting {
  const counting = made.get(language) ?? {
    rules: new Intl.PluralRules(language),
    numbers: new Intl.NumberFormat(language),
  };
  made.set(language, counting);
  return counting;
}

/** Says how many in the form that the language has for that number. */
export const plural =
  (language: string, forms: Forms) =>
  (count: number): string => {
    const { rules, numbers } = countingOf(language);
    return (forms[rules.select(count)] ?? forms.other).replace('#', numbers.format(count));
  };

/** The digits of a number, grouped as the language does. */
export const digits = (language: string, count: number): string => countingOf(language).numbers.format(count);
