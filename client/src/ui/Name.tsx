/** A name that somebody chose, kept apart from the direction of what is around it. */
export function Name({ children, className }: { children: string; className?: string }) {
  return <bdi className={className}>{children}</bdi>;
}
