import { createElement } from 'react';
import { renderToStaticMarkup } from 'react-dom/server';
import { describe, expect, it } from 'vitest';
import { Message } from '../../../client/src/room/Message.js';

const show = (text: string, authorName = 'Ana'): string =>
  renderToStaticMarkup(
    createElement(Message, {
      anchor: 'a',
      authorId: 'visitor-1',
      authorName,
      text,
      time: '2026-01-02T03:04:05.000Z',
      mine: false,
      delivery: null,
      quiet: false,
    }),
  );

describe('a message', () => {
  it('whose text is empty says that it was removed, by whom and when it was written', () => {
    const html = show('');
    expect(html).toContain('This message was removed.');
    expect(html).toContain('Ana');
    expect(html).toContain('2026-01-02T03:04:05.000Z');
    expect(html).toMatch(/^<article/);
  });

  it('keeps a direction that was turned around within its text, and within its author', () => {
    const html = show('turned \u202earound', '\u202eanA');
    expect(html).toContain('<p class="message-text" dir="auto">turned \u202earound</p>');
    expect(html).toContain('<bdi class="message-author">\u202eanA</bdi>');
  });

  it('has its time in full for those who point at it', () => {
    expect(show('hello')).toMatch(/<time dateTime="2026-01-02T03:04:05.000Z" title="[^"]*2026[^"]*">/i);
  });
});
