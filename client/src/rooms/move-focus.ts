/**
 * Moves the focus among the search and the links of the list: Down and Up by one, Home and End to the ends of the
 * list while it is in there.
 *
 * @returns whether the key was one of these and had somewhere to go
 */
export function moveFocus(nav: HTMLElement, key: string): boolean {
  const search = nav.querySelector<HTMLElement>('input[type=search]');
  const links = Array.from(nav.querySelectorAll<HTMLElement>('li a'));
  const here = links.findIndex((link) => link === document.activeElement);
  const inSearch = search !== null && search === document.activeElement;
  if (here < 0 && !inSearch) return false;
  const target = next(key, here, links, search);
  if (target === null) return false;
  target.focus();
  return true;
}

function next(
  key: string,
  here: number,
  links: readonly HTMLElement[],
  search: HTMLElement | null,
): HTMLElement | null {
  if (key === 'ArrowDown') return links[here + 1] ?? null;
  if (here < 0) return null;
  if (key === 'ArrowUp') return links[here - 1] ?? search;
  if (key === 'Home') return links[0] ?? null;
  if (key === 'End') return links.at(-1) ?? null;
  return null;
}
