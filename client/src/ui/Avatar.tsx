import { initial } from './initial.js';
import { tintClass } from './tint.js';

/** The first character of a name on the colour of its owner. Only for the eye: it is no text of the page. */
export function Avatar({ id, name, small = false }: { id: string; name: string; small?: boolean }) {
  return (
    <span
      className={`avatar ${small ? 'avatar-small ' : ''}${tintClass(id)}`}
      data-initial={initial(name)}
      aria-hidden="true"
    />
  );
}
