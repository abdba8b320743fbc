import { useId, type ReactNode } from 'react';

/** More than any name may have, and far less than a frame holds: a longer one would end the connection. */
export const LONGEST_LINE = 1000;

/** A line of text that is asked for, and what was wrong with it. */
export function TextField({
  label,
  value,
  onChange,
  problem,
}: {
  label: string;
  value: string;
  onChange: (value: string) => void;
  /** Null while there is nothing to say. */
  problem: ReactNode | null;
}) {
  const field = useId();
  const told = useId();
  const wrong = problem !== null;
  return (
    <>
      <label htmlFor={field}>{label}</label>
      <input
        id={field}
        value={value}
        onChange={(event) => onChange(event.target.value)}
        autoComplete="off"
        maxLength={LONGEST_LINE}
        required
        aria-invalid={wrong}
        aria-describedby={wrong ? told : undefined}
      />
      {wrong && (
        <p role="alert" className="problem" id={told}>
          {problem}
        </p>
      )}
    </>
  );
}
