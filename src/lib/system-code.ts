/** The code that the system gave an error, such as `EACCES`; `unknown` without one. */
export const systemCode = (error: unknown): string =>
  error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
