import type { CodegenConfig } from '@graphql-codegen/cli';

/** How operations of the client side become types and documents. */
const operations = {
  documentMode: 'documentNode',
  enumsAsTypes: true,
  useTypeImports: true,
  importExtension: '.js',
  defaultScalarType: 'never',
  scalars: { DateTime: 'string', ID: 'string' },
};

/**
 * Server: resolver types with mappers, so that a resolver receives our record and never a half-filled
 * GraphQL type. Client: typed urql hooks, one per operation found in `client/src`.
 */
const config: CodegenConfig = {
  schema: 'schema/*.graphql',
  ignoreNoDocuments: true,
  generates: {
    'src/graphql/__generated__/resolvers-types.ts': {
      plugins: ['typescript', 'typescript-resolvers'],
      config: {
        enumsAsTypes: true,
        useTypeImports: true,
        defaultScalarType: 'never',
        strictScalars: true,
        scalars: { DateTime: { input: 'Date', output: 'Date' }, ID: { input: 'string', output: 'string' } },
        contextType: '../../context.js#Context',
        mapperTypeSuffix: 'Parent',
        makeResolverTypeCallable: false,
        mappers: {
          Room: '../parents.js#RoomParent',
          Visitor: '../parents.js#VisitorParent',
          Message: '../parents.js#MessageParent',
          UserError: '../parents.js#UserErrorParent',
          RoomEdge: '../parents.js#RoomEdgeParent',
          RoomConnection: '../parents.js#RoomConnectionParent',
          MessageConnection: '../parents.js#MessageConnectionParent',
          MessageAddedEvent: '../parents.js#MessageAddedEventParent',
          RoomsChangedEvent: '../parents.js#RoomsChangedEventParent',
        },
      },
    },
    'client/kit/__generated__/operations.ts': {
      documents: ['client/kit/**/*.graphql'],
      plugins: ['typescript-operations', 'typescript-urql'],
      // The kit knows no React, so no hooks: documents and their types.
      config: { ...operations, withHooks: false },
    },
    'client/src/__generated__/operations.ts': {
      documents: ['client/src/**/*.graphql'],
      plugins: ['typescript-operations', 'typescript-urql'],
      config: operations,
    },
  },
};

export default config;
