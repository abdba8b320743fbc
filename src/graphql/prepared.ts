import type { OperationDefinitionNode, OperationTypeNode } from 'graphql';
import type { Viewer } from '../visitors/visitor.js';
import type { TokenTerm } from '../visitors/visitor-token.js';
import type { CheckedDocument } from './document.js';

/** What a client asks for, whatever brought it. */
export interface OperationRequest {
  readonly query: string;
  readonly operationName?: string | null | undefined;
  readonly variables?: Readonly<Record<string, unknown>> | null | undefined;
  readonly extensions?: Readonly<Record<string, unknown>> | null | undefined;
}

/** An operation that may run. */
export interface Prepared {
  readonly kind: OperationTypeNode;
  readonly checked: CheckedDocument;
  readonly operation: OperationDefinitionNode;
  /** As the client sent them. */
  readonly variables: Readonly<Record<string, unknown>>;
  /** As the schema reads them, defaults filled in. */
  readonly coerced: Readonly<Record<string, unknown>>;
  /** See `cost.ts`. */
  readonly cost: number;
}

/** Who runs an operation, as far as its transport knows. */
export interface Caller {
  readonly viewer: Viewer | null;
  /** As rate limits count it. */
  readonly address: string;
  /** Hears of a token issued over this connection. */
  readonly tokenIssued?: (token: TokenTerm) => void;
}
