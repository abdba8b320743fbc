/**
 * Picks the events whose results may show the name of this visitor: the messages it wrote, and every other kind
 * of event, since a room shows its newest message.
 */
export const showsName =
  (visitorId: string) =>
  (event: unknown): boolean => {
    if (typeof event !== 'object' || event === null || !('record' in event)) return true;
    const { record } = event;
    return (
      typeof record === 'object' && record !== null && 'authorId' in record && record.authorId === visitorId
    );
  };
