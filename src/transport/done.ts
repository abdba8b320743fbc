import type { ExecutionArgs, ExecutionResult, GraphQLError } from 'graphql';
import { codedGraphQLError } from '../graphql/errors.js';

/** What graphql-ws is given to run: it only hands back what has already been done. */
interface Done extends ExecutionArgs {
  readonly outcome: ExecutionResult;
}

/** What came of an operation, or why it is refused. */
export type Begun = Done | readonly GraphQLError[];

const isDone = (args: ExecutionArgs): args is Done => 'outcome' in args;

export const outcomeOf = (args: ExecutionArgs) =>
  isDone(args) ? args.outcome : { errors: [codedGraphQLError('INTERNAL_SERVER_ERROR', 'Nothing to run.')] };
