import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fromGlobalId, messageGlobalId, roomIdOf, toGlobalId } from '../../../src/graphql/node.js';

describe('global identifiers', () => {
  it('come back as what they were made from', () => {
    fc.assert(
      fc.property(fc.uuid(), fc.constantFrom('Room' as const, 'Visitor' as const), (id, type) => {
        expect(fromGlobalId(toGlobalId(type, id))).toEqual({ type, id });
      }),
    );
    fc.assert(
      fc.property(fc.uuid(), fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }), (roomId, number) => {
        expect(fromGlobalId(messageGlobalId(roomId, number))).toEqual({ type: 'Message', roomId, number });
      }),
    );
  });

  it('are ids of nothing when they are malformed, and never throw', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(['Room', 'Visitor', 'Message', undefined]).toContain(fromGlobalId(text)?.type);
      }),
    );
    for (const bad of [
      '',
      'x',
      'Um9vbTo',
      toGlobalId('Room', ''),
      `${toGlobalId('Room', 'a')}=`,
      messageGlobalId('a', 0),
      messageGlobalId('a:b', 1),
    ]) {
      expect(fromGlobalId(bad)).toBeNull();
    }
  });

  it('have one spelling each', () => {
    expect(fromGlobalId(toGlobalId('Room', 'a'))).toEqual({ type: 'Room', id: 'a' });
    expect(fromGlobalId(toGlobalId('Room', 'a:'))).toBeNull();
  });

  it('of another type are not rooms', () => {
    expect(roomIdOf(toGlobalId('Visitor', 'a'))).toBeNull();
    expect(roomIdOf(toGlobalId('Room', 'a'))).toBe('a');
  });
});
