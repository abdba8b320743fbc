/** The code of what was thrown; `CONNECTION` for what has none. */
export const codeOf = (error: unknown): string =>
  error instanceof Error && 'code' in error ? String(error.code) : 'CONNECTION';
