/** Whether an `Accept-Encoding` header names this coding and does not exclude it. */
export const acceptsCoding = (header: string | string[] | undefined, coding: string): boolean =>
  [header ?? ''].flat().some((value) =>
    value.split(',').some((each) => {
      const [name = '', ...parameters] = each.split(';').map((part) => part.trim().toLowerCase());
      return name === coding && !parameters.some((parameter) => /^q=0(\.0*)?$/.test(parameter));
    }),
  );
