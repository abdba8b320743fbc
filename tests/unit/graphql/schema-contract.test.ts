import { readFileSync } from 'node:fs';
import {
  buildSchema,
  findBreakingChanges,
  findDangerousChanges,
  type GraphQLSchema,
  isIntrospectionType,
  isSpecifiedScalarType,
  printSchema,
} from 'graphql';
import { describe, expect, it } from 'vitest';
import { buildChatSchema } from '../../../src/graphql/schema.js';

const contract = buildSchema(
  readFileSync(new URL('../../fixtures/contract.graphql', import.meta.url), 'utf8'),
);

/** Every described thing of a schema, as `Type.field(argument)` → description. */
function descriptions(schema: GraphQLSchema): Map<string, string | null | undefined> {
  const found = new Map<string, string | null | undefined>();
  for (const type of Object.values(schema.getTypeMap())) {
    if (isIntrospectionType(type) || isSpecifiedScalarType(type)) continue;
    found.set(type.name, type.description);
    if ('getFields' in type) {
      for (const field of Object.values(type.getFields())) {
        found.set(`${type.name}.${field.name}`, field.description);
        if ('args' in field) {
          for (const argument of field.args)
            found.set(`${type.name}.${field.name}(${argument.name})`, argument.description);
        }
      }
    }
    if ('getValues' in type) {
      for (const value of type.getValues()) found.set(`${type.name}.${value.name}`, value.description);
    }
  }
  return found;
}

describe('the schema against its released contract', () => {
  const built = buildChatSchema();

  it('removes nothing and changes no type', () => {
    expect(findBreakingChanges(contract, built)).toEqual([]);
  });

  it('changes no default and adds no value that a client must know', () => {
    expect(findDangerousChanges(contract, built)).toEqual([]);
  });

  it('keeps the meaning of everything: its description', () => {
    const present = descriptions(built);
    const changed = [...descriptions(contract)].filter(([name, text]) => present.get(name) !== text);
    expect(changed).toEqual([]);
  });

  it('describes every type, field, argument and value', () => {
    const silent = [...descriptions(built)].filter(
      ([, text]) => text === undefined || text === null || text === '',
    );
    expect(silent.map(([name]) => name)).toEqual([]);
  });

  it('would notice a renamed field', () => {
    const renamed = buildSchema(printSchema(built).replace('  number: Int!', '  position: Int!'));
    expect(findBreakingChanges(contract, renamed).map((change) => change.description)).toEqual([
      'Message.number was removed.',
    ]);
  });
});
