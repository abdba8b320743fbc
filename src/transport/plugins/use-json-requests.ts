import type { GraphQLParams, Plugin } from 'graphql-yoga';
import type { OperationRequest } from '../../graphql/prepared.js';
import { contentTypeProblem, requestOfBody, requestOfQueryString } from '../graphql-request.js';

/** The same request in Yoga's words. */
const toParams = ({ query, operationName, variables, extensions }: OperationRequest): GraphQLParams => ({
  query,
  ...(typeof operationName === 'string' ? { operationName } : {}),
  ...(variables === null || variables === undefined ? {} : { variables }),
  ...(extensions === null || extensions === undefined ? {} : { extensions }),
});

/**
 * Reads requests by the rules of this server rather than Yoga's: GET with a query string, POST with a JSON
 * body. Forms, multipart, plain text and batches are refused, with the remedy; other methods do not come here (http.ts).
 */
export function useJsonRequests(): Plugin {
  return {
    onRequestParse({ request, setRequestParser }) {
      if (request.method === 'POST') {
        const { headers } = request;
        const problem = contentTypeProblem(headers.get('content-type'), headers.get('content-encoding'));
        if (problem !== null) throw problem;
        setRequestParser(async () => toParams(requestOfBody(Buffer.from(await request.arrayBuffer()))));
        return;
      }
      const start = request.url.indexOf('?');
      const queryString = start === -1 ? '' : request.url.slice(start + 1);
      setRequestParser(() => toParams(requestOfQueryString(queryString)));
    },
  };
}
