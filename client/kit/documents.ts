import type { TypedDocumentNode } from '@urql/core';
import * as made from './__generated__/operations.js';

/** The kit's operations, joined to their types. */
export const roomPage: TypedDocumentNode<made.RoomPageQuery, made.RoomPageQueryVariables> =
  made.RoomPageDocument;
export const newerMessages: TypedDocumentNode<made.NewerMessagesQuery, made.NewerMessagesQueryVariables> =
  made.NewerMessagesDocument;
export const followMessages: TypedDocumentNode<
  made.FollowMessagesSubscription,
  made.FollowMessagesSubscriptionVariables
> = made.FollowMessagesDocument;
export const sendMessage: TypedDocumentNode<made.SendMessageMutation, made.SendMessageMutationVariables> =
  made.SendMessageDocument;
export const renewToken: TypedDocumentNode<made.RenewTokenMutation, made.RenewTokenMutationVariables> =
  made.RenewTokenDocument;
