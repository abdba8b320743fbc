import { splitLinks } from './links.js';

/** A text as it was written, its web addresses made links. Nothing else in it means anything. */
export function MessageText({ text }: { text: string }) {
  return (
    <p className="message-text" dir="auto">
      {splitLinks(text).map((piece, index) =>
        piece.href === null ? (
          piece.text
        ) : (
          <a key={index} href={piece.href} target="_blank" rel="noopener noreferrer nofollow ugc">
            {piece.text}
          </a>
        ),
      )}
    </p>
  );
}
