/**
 * A ref for an element that may leave the page while it has the focus: `heir` has it then, and not the page as a whole,
 * from which a keyboard begins anew. Make it once: a new one takes the place of the old.
 */
export const passFocusTo = (heir: () => HTMLElement | null) => (element: HTMLElement | null) => () => {
  if (element !== null && element === document.activeElement) heir()?.focus();
};
