/** The first character of a name as a reader counts: a family, a flag, a letter with its marks are one. */
export function initial(name: string): string {
  const { Segmenter } = Intl as Partial<typeof Intl>;
  // Not every browser that the client runs in has it.
  if (Segmenter === undefined) return Array.from(name)[0] ?? '';
  for (const { segment } of new Segmenter().segment(name)) return segment;
  return '';
}
