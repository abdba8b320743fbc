/** Who a request or socket acts for: a visitor, as its token says. It may not be stored yet. */
export interface Viewer {
  readonly id: string;
  readonly createdAt: Date;
  /** A name that came with the identity (`identify` of an embedding host); the visitor's own choice wins. */
  readonly suggestedName?: string;
}
