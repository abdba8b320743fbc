/** Whether the long forms run (`npm run test:security`). */
export const LONG = process.env['MADANG_SECURITY'] === 'long';

/** How much of something is tried: `short` in `npm test`, `long` in `npm run test:security`. */
export const scaled = (short: number, long: number): number => (LONG ? long : short);
