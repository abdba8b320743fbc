/** Something that has a shape of its own: marks need what they stand on, and the others show nothing. */
const SHOWN = /[^\p{White_Space}\p{Default_Ignorable_Code_Point}\p{M}]/u;

/**
 * The first character of a name that is seen, as a reader counts: a family, a flag, a letter with its marks are one.
 */
export function initial(name: string): string {
  const { Segmenter } = Intl as Partial<typeof Intl>;
  // Not every browser that the client runs in has it.
  const characters =
    Segmenter === undefined
      ? Array.from(name)
      : Array.from(new Segmenter().segment(name), ({ segment }) => segment);
  return characters.find((character) => SHOWN.test(character)) ?? characters[0] ?? '';
}
