import type { Context } from '../context.js';
import { CodedError } from '../lib/coded-error.js';
import type { Viewer } from '../visitors/visitor.js';

/**
 * The viewer of an operation that needs one.
 *
 * @throws CodedError `UNAUTHENTICATED` with the remedy in its message.
 */
export function requireViewer(context: Context): Viewer {
  if (context.viewer !== null) return context.viewer;
  throw new CodedError(
    'UNAUTHENTICATED',
    'A token is needed here: call createVisitor and send its token as `Authorization: Bearer …`.',
  );
}
