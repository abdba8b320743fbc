import type { ReactElement } from 'react';
import type { RoomState } from '../../kit/index.js';
import { lineOf, type Item, type Viewer } from './listed.js';
import { MessageLine } from './MessageLine.js';

/** What a line shows besides its own message. */
interface Surroundings {
  /** When the line above it was sent, and not that line: else each would keep all that ever came before it. */
  readonly timeBefore: string | number | null;
  readonly names: RoomState['names'];
  readonly viewer: Viewer | null;
  /** In which its day begins. */
  readonly zone: string;
  readonly edge: string | null;
  readonly unreadBegins: boolean;
  readonly quiet: boolean;
}

/**
 * Gives the element of a line, the same one until something that it shows has changed: when a message comes into a busy
 * room, the lines above it cost nothing.
 */
export function createLineElements() {
  const made = new WeakMap<Item, { readonly around: Surroundings; readonly element: ReactElement }>();
  return (item: Item, around: Surroundings): ReactElement => {
    const known = made.get(item);
    if (known !== undefined && same(known.around, around)) return known.element;
    const { timeBefore, names, viewer, zone: _zone, ...props } = around;
    const line = lineOf(item, timeBefore, names, viewer);
    const element = <MessageLine key={line.anchor} {...props} {...line} />;
    made.set(item, { around, element });
    return element;
  };
}

const same = (a: Surroundings, b: Surroundings): boolean =>
  a.timeBefore === b.timeBefore &&
  a.names === b.names &&
  a.viewer === b.viewer &&
  a.zone === b.zone &&
  a.edge === b.edge &&
  a.unreadBegins === b.unreadBegins &&
  a.quiet === b.quiet;
