import type { CodegenConfig } from '@graphql-codegen/cli';

const url = process.env['MADANG_URL'] ?? 'http://localhost:8000';

const config: CodegenConfig = {
  // Or 'node_modules/madang/schema.graphql', the same text without a running server.
  schema: `${url}/schema.graphql`,
  documents: ['rooms.ts'],
  generates: {
    './generated/': {
      preset: 'client',
      config: {
        documentMode: 'string',
        enumsAsTypes: true,
        useTypeImports: true,
        scalars: { DateTime: 'string' },
      },
    },
  },
  importExtension: '.js',
};

export default config;
