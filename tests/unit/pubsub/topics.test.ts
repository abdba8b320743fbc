import { describe, expect, it } from 'vitest';
import { MAX_EVENT_BYTES, codecs } from '../../../src/pubsub/topics.js';
import { messageEvent } from '../../contract/pubsub.suite.js';

const event = messageEvent('room', 12);
const wire = JSON.parse(codecs.message.encode(event)) as Record<string, unknown>;
const decode = (change: Record<string, unknown>, id = 'room') =>
  codecs.message.decode(JSON.stringify({ ...wire, ...change }), id);

describe('the codec of messages', () => {
  it('brings an event back as it was, its date included', () => {
    expect(codecs.message.decode(codecs.message.encode(event), 'room')).toEqual(event);
  });

  it('brings the span back in which a message was sent', () => {
    const traceparent = `00-${'a1'.repeat(16)}-${'b2'.repeat(8)}-01`;
    expect(codecs.message.decode(codecs.message.encode({ ...event, traceparent }), 'room')).toEqual({
      ...event,
      traceparent,
    });
  });

  it('brings back whose insert ended with a message', () => {
    const ended = { ...event, writer: '0123abcd' };
    expect(codecs.message.decode(codecs.message.encode(ended), 'room')).toEqual(ended);
  });

  it('takes an event whose sender did not know the one before', () => {
    expect(decode({ previousTag: null }).previousTag).toBeNull();
  });

  it('carries the longest message that the rules allow', () => {
    const longest = messageEvent('room', 1, '\u{1F9ED}'.repeat(4000));
    const text = codecs.message.encode(longest);
    expect(Buffer.byteLength(text)).toBeLessThan(MAX_EVENT_BYTES);
    expect(codecs.message.decode(text, 'room')).toEqual(longest);
  });

  it.each([
    ['a number of 0', { number: 0 }],
    ['a negative number', { number: -1 }],
    ['a number beyond the safe integers', { number: 2 ** 53 }],
    ['a broken number', { number: 1.5 }],
    ['a number as text', { number: '1' }],
    ['no number', { number: undefined }],
    ['a call of 15 digits', { call: '0123456789abcde' }],
    ['a call in upper case', { call: '0123456789ABCDEF' }],
    ['a key without its kind', { key: 'key' }],
    ['an empty key', { key: 'c:' }],
    ['a key that is no text', { key: 5 }],
    ['a key without end', { key: `c:${'k'.repeat(1000)}` }],
    ['no author', { authorId: '' }],
    ['a text that is none', { text: null }],
    ['a text over every limit', { text: 't'.repeat(20_000) }],
    ['a date as text', { createdAtMs: '2026-01-01T00:00:00Z' }],
    ['a date that no calendar has', { createdAtMs: 9e15 }],
    ['a negative tag', { previousTag: -1 }],
    ['a tag of more than 32 bits', { previousTag: 2 ** 32 }],
    ['no tag', { previousTag: undefined }],
    ['a field that is not known', { extra: 1 }],
    ['a writer that is none', { writer: 'a writer' }],
    ['a traceparent that is none', { traceparent: '00-x' }],
    ['a traceparent that is no text', { traceparent: null }],
  ])('refuses %s', (_, change) => {
    expect(() => decode(change)).toThrow(Error);
  });

  it('refuses an event of another room', () => {
    expect(() => decode({}, 'other')).toThrow('another room');
  });

  it.each(['', '{', 'null', '[]', '1', '"text"', '\u0000', '{"__proto__":{"number":1}}'])(
    'refuses %j, which is no event',
    (text) => {
      expect(() => codecs.message.decode(text, 'room')).toThrow(Error);
    },
  );
});

describe('the codec of rankings', () => {
  it('brings a revision back and refuses anything else', () => {
    const payload = { epoch: 'e', revision: 0 };
    expect(codecs.roomRanking.decode(codecs.roomRanking.encode(payload), 'all')).toEqual(payload);
    for (const text of ['{}', '{"epoch":"e","revision":-1}', '{"epoch":"","revision":1}', '{"revision":1}']) {
      expect(() => codecs.roomRanking.decode(text, 'all')).toThrow(Error);
    }
  });
});

describe('the codec of renamed visitors', () => {
  it('brings a name back and refuses anything else', () => {
    const payload = { visitorId: 'v', displayName: 'Ada' };
    expect(codecs.visitorRenamed.decode(codecs.visitorRenamed.encode(payload), 'all')).toEqual(payload);
    for (const text of [
      '{}',
      '{"visitorId":"","displayName":"Ada"}',
      '{"visitorId":"v","displayName":null}',
    ]) {
      expect(() => codecs.visitorRenamed.decode(text, 'all')).toThrow(Error);
    }
  });
});
