/**
 * A reason not to start that the operator can remove. The message is one line, fit to be printed alone: it
 * names the setting, folder or port, and holds no secret.
 */
export class StartError extends Error {
  constructor(message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = 'StartError';
  }
}

/** The words of an error without its stack, to be put behind a setting's name. */
export const firstLine = (error: unknown): string =>
  (error instanceof Error ? error.message : String(error)).split('\n', 1)[0] ?? '';
