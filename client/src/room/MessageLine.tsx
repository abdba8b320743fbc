import { memo } from 'react';
import { DaySeparator } from './DaySeparator.js';
import type { Listed } from './listed.js';
import { Message } from './Message.js';
import { UnreadSeparator } from './UnreadSeparator.js';

/** One line of the list: a message, and what stands before it. */
export const MessageLine = memo(function MessageLine({
  edge,
  unreadBegins,
  dayBegins,
  number: _number,
  ...message
}: Listed & {
  /** What is said above the first line of all; null for every other one. */
  edge: string | null;
  unreadBegins: boolean;
  quiet: boolean;
}) {
  return (
    <>
      {edge !== null && <p className="log-edge">{edge}</p>}
      {dayBegins && <DaySeparator date={new Date(message.time)} />}
      {unreadBegins && <UnreadSeparator />}
      <Message {...message} />
    </>
  );
});
