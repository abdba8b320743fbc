import { readdirSync, readFileSync } from 'node:fs';
import type { GraphQLSchema } from 'graphql';
import { createSchema } from 'graphql-yoga';
import type { Context } from '../context.js';
import { dateTime } from './date-time.js';
import { resolvers } from './resolvers.js';

/** The SDL lies beside `src` and, in the package, beside `dist`. */
const SDL_FOLDER = new URL('../../schema/', import.meta.url);

/** Builds the executable schema from the SDL files and the resolvers of the domains. */
export function buildChatSchema(): GraphQLSchema {
  const typeDefs = readdirSync(SDL_FOLDER)
    .filter((file) => file.endsWith('.graphql'))
    .map((file) => readFileSync(new URL(file, SDL_FOLDER), 'utf8'));
  const schema = createSchema<Context>({ typeDefs, resolvers: [...resolvers] });
  // Given among the resolvers, a scalar would replace the SDL's type and lose its description.
  Object.assign(schema.getType('DateTime') ?? {}, dateTime);
  return schema;
}
