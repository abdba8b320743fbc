import { GraphQLError, type GraphQLScalarType, Kind } from 'graphql';

const RFC_3339 = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})$/;

function parse(value: unknown): Date {
  const time = typeof value === 'string' && RFC_3339.test(value) ? new Date(value) : null;
  if (time === null || Number.isNaN(time.getTime())) {
    throw new GraphQLError('DateTime must be an RFC 3339 instant such as 2026-01-31T09:30:00.000Z.');
  }
  return time;
}

/** How the scalar `DateTime` of the SDL works: RFC 3339 in UTC with milliseconds, both ways. */
export const dateTime: Pick<GraphQLScalarType<Date, string>, 'serialize' | 'parseValue' | 'parseLiteral'> = {
  serialize(value) {
    if (value instanceof Date) return value.toISOString();
    throw new GraphQLError('DateTime cannot represent a value that is no Date.');
  },
  parseValue: parse,
  parseLiteral: (node) => parse(node.kind === Kind.STRING ? node.value : undefined),
};
