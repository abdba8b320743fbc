import { memo } from 'react';
import { Avatar } from '../ui/Avatar.js';
import { useTexts, useTimes } from '../ui/language.js';
import { Name } from '../ui/Name.js';
import { shortTag } from '../ui/tint.js';
import { MessageText } from './MessageText.js';
import { fullTime, timeOfDay } from './times.js';
import { Unsent, type Delivery } from './Unsent.js';

/** One message: who, what, when; and how sending it goes, while it is not acknowledged. */
export const Message = memo(function Message({
  anchor,
  authorId,
  authorName,
  text,
  time,
  mine,
  delivery,
  quiet,
}: {
  /** What keeps this message apart from the others on the page. */
  anchor: string;
  authorId: string;
  authorName: string;
  text: string;
  /** When it was accepted, or written: RFC 3339, or milliseconds since the Unix epoch. */
  time: string | number;
  mine: boolean;
  delivery: Delivery | null;
  /** Whether its coming onto the page is nothing to be told about: it was there before. */
  quiet: boolean;
}) {
  const texts = useTexts();
  const times = useTimes();
  const date = new Date(time);
  return (
    <article
      className={mine ? 'message message-mine' : 'message'}
      data-anchor={anchor}
      aria-live={quiet ? 'off' : undefined}
    >
      <Avatar id={authorId} name={authorName} />
      <header className="message-head">
        <Name className="message-author">{authorName}</Name>
        <span className="message-tag" aria-hidden="true">
          {shortTag(authorId)}
        </span>
        <time dateTime={date.toISOString()} title={fullTime(times, date)}>
          {timeOfDay(times, date)}
        </time>
      </header>
      {text === '' ? <p className="message-removed">{texts.removed}</p> : <MessageText text={text} />}
      {delivery !== null && <Unsent delivery={delivery} />}
    </article>
  );
});
