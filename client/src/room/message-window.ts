/** The part of a room's messages that is on the page, by number; `to` null follows the newest. */
export interface MessageWindow {
  readonly from: number | null;
  readonly to: number | null;
}

/** At the newest message, so many are on the page. */
export const FOLLOWED_MESSAGES = 120;
/** Reading back, at most so many are. */
export const SHOWN_MESSAGES = 240;
/** So many more come in at an edge. */
const STEP_MESSAGES = 50;
/** So many read messages are on the page before the first unread one. */
const CONTEXT_MESSAGES = 30;

export const NEWEST: MessageWindow = { from: null, to: null };

/** Numbers of the first and the last message on the page, within those held. */
export function bounds(shown: MessageWindow, first: number, last: number): { from: number; to: number } {
  const to = Math.min(shown.to ?? last, last);
  const from = Math.max(shown.from ?? to - FOLLOWED_MESSAGES + 1, first);
  return { from, to };
}

/** Towards older messages; what is too much leaves at the other end. */
export function olderWindow(shown: MessageWindow, first: number, last: number): MessageWindow {
  const now = bounds(shown, first, last);
  const from = Math.max(now.from - STEP_MESSAGES, first);
  const to = Math.min(now.to, from + SHOWN_MESSAGES - 1);
  return { from, to: to === last ? null : to };
}

/** Towards newer messages. */
export function newerWindow(shown: MessageWindow, first: number, last: number): MessageWindow {
  const now = bounds(shown, first, last);
  const to = Math.min(now.to + STEP_MESSAGES, last);
  return { from: Math.max(now.from, to - SHOWN_MESSAGES + 1), to: to === last ? null : to };
}

/** Around the first unread message: a few read ones before it, as context, then as many as may be on the page. */
export function unreadWindow(firstUnread: number, first: number, last: number): MessageWindow {
  const from = Math.max(firstUnread - CONTEXT_MESSAGES, first);
  const to = Math.min(from + SHOWN_MESSAGES - 1, last);
  return { from, to: to === last ? null : to };
}

/** While the newest are read, the window does not grow with them. */
export function atNewest(shown: MessageWindow | null): MessageWindow {
  return shown?.from === null && shown.to === null ? shown : NEWEST;
}
