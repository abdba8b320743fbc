import * as graphql from '@graphql-eslint/eslint-plugin';

/** Types that are no objects of their own: parts of a page, results, settings, events. */
const WITHOUT_ID = [
  'PageInfo',
  'UserError',
  'MessageConnection',
  'MessageEdge',
  'RoomConnection',
  'RoomEdge',
  'ChatSettings',
  'MessageAddedEvent',
  'RoomsChangedEvent',
  'CreateRoomPayload',
  'CreateVisitorPayload',
  'RenameViewerPayload',
  'SendMessagePayload',
  'VisitRoomPayload',
];

/** The schema alone; oxlint lints everything else. */
export default [
  {
    files: ['schema/*.graphql'],
    languageOptions: {
      parser: graphql.parser,
      parserOptions: { graphQLConfig: { schema: 'schema/*.graphql' } },
    },
    plugins: { '@graphql-eslint': graphql },
    rules: {
      ...graphql.configs['flat/schema-recommended'].rules,
      ...graphql.configs['flat/schema-relay'].rules,
      '@graphql-eslint/strict-id-in-types': ['error', { exceptions: { types: WITHOUT_ID } }],
      '@graphql-eslint/relay-edge-types': [
        'error',
        { listTypeCanWrapOnlyEdgeType: false, withEdgeSuffix: true, shouldImplementNode: true },
      ],
      '@graphql-eslint/relay-arguments': ['error', { includeBoth: false }],
    },
  },
];
