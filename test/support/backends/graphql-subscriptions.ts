/** A graphql-ws server with one subscription that counts, and one query; the schema is written out to stay small. */
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import type * as graphql from 'graphql';
import { useServer } from 'graphql-ws/use/ws';
import { WebSocketServer } from 'ws';
import { type Listening, listen } from './listening.js';

// The library insists on one copy of itself, and a test runner may load a second one beside graphql-ws's.
const { buildSchema } = createRequire(import.meta.resolve('graphql-ws'))('graphql') as typeof graphql;

const schema = buildSchema(`
  type Query { hello: String }
  type Subscription { count(to: Int!): Int }
`);

export async function startGraphql(): Promise<Listening> {
  const http = createServer();
  const server = new WebSocketServer({ server: http, path: '/graphql' });
  useServer({ schema, roots: { query: { hello: () => 'world' }, subscription: { count } } }, server);
  return listen(http);
}

async function* count({ to }: { to: number }): AsyncGenerator<{ count: number }> {
  for (let i = 1; i <= to; i += 1) {
    yield { count: i };
    await new Promise((resolve) => setImmediate(resolve));
  }
}
