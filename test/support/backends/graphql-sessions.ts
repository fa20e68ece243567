/**
 * The graphql-ws server over sessions of the backend SDK instead of sockets: the library takes anything that sends, closes and
 * has a protocol.
 */
import { createRequire } from 'node:module';
import { type Backend, createBackend } from '@holdfast/backend';
import type * as graphql from 'graphql';
import { makeServer } from 'graphql-ws';
import { SECRET } from '../holdfast.js';

// The library insists on one copy of itself, and a test runner may load a second one beside graphql-ws's.
const { buildSchema } = createRequire(import.meta.resolve('graphql-ws'))('graphql') as typeof graphql;

const schema = buildSchema(`
  type Query { hello: String }
  type Subscription { count(to: Int!): Int }
`);
const EVERY_MS = 5;

export async function startGraphqlSessions(): Promise<
  { readonly url: string; readonly backend: Backend } & AsyncDisposable
> {
  const backend = createBackend({ secret: SECRET });
  const server = makeServer({ schema, roots: { query: { hello: () => 'world' }, subscription: { count } } });
  backend.on('session', (session) => {
    const closed = server.opened(
      {
        protocol: 'graphql-transport-ws',
        send: (data) => {
          if (!session.send(data)) throw new Error('graphql: the session is full');
          return Promise.resolve();
        },
        close: (code, reason) => session.close(code, reason),
        onMessage: (onMessage) => void session.on('message', (data) => onMessage(String(data))),
      },
      {},
    );
    session.on('close', ({ code, reason }) => void closed(code, reason));
  });
  const { port } = await backend.listen(0, '127.0.0.1');
  return { url: `http://127.0.0.1:${port}`, backend, [Symbol.asyncDispose]: () => backend.close() };
}

async function* count({ to }: { to: number }): AsyncGenerator<{ count: number }> {
  for (let i = 1; i <= to; i += 1) {
    yield { count: i };
    await new Promise((resolve) => setTimeout(resolve, EVERY_MS));
  }
}
