/**
 * The admin API: HTTP on its own address, served by the supervisor. fastify rather than node:http alone, for its routing, body
 * limits and HEAD; its logger and its error texts are replaced by ours. One small file per concern under routes/.
 */
import type { Socket } from 'node:net';
import { type FastifyError, fastify, type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import type { Logger } from 'pino';
import type { AdminConfig } from '../config/types.js';
import { AdminError, type ErrorBody, shown } from './admin-error.js';
import type { AdminControl, AdminIdentity } from './control.js';
import { admitCaller } from './guard.js';
import { actionRoutes } from './routes/actions.js';
import { backendRoutes } from './routes/backends.js';
import { configRoute } from './routes/config.js';
import { connectionRoutes } from './routes/connections.js';
import { dashboardRoute } from './routes/dashboard.js';
import { metricsRoute } from './routes/metrics.js';
import { probeRoutes } from './routes/probes.js';
import { sessionRoutes } from './routes/sessions.js';
import { statusRoute } from './routes/status.js';
import { topicRoutes } from './routes/topics.js';

export interface AdminServerDeps {
  readonly control: AdminControl;
  readonly identity: AdminIdentity;
  readonly log: Logger;
}

export interface AdminServer {
  readonly host: string;
  readonly port: number;
  /** Cuts what is still open: nobody waits for an admin connection. */
  close(): Promise<void>;
}

const BODY_LIMIT_BYTES = 65_536;
const REQUEST_TIMEOUT_MS = 10_000;
/** A topic of 200 bytes, every one of them percent-encoded. */
const MAX_PARAM_LENGTH = 600;

/** Rejects with a sentence for people when the address cannot be bound. */
export async function startAdminServer(config: AdminConfig, deps: AdminServerDeps): Promise<AdminServer> {
  const app = createApp(config, deps);
  try {
    await app.listen({ host: config.host, port: config.port });
  } catch (error) {
    await app.close();
    throw new Error(explainListenError(config, error), { cause: error });
  }
  const address = app.server.address();
  const port = typeof address === 'object' && address !== null ? address.port : config.port;
  return { host: config.host, port, close: () => app.close() };
}

function createApp({ token }: AdminConfig, { control, identity, log }: AdminServerDeps): FastifyInstance {
  const app = fastify({
    logger: false,
    bodyLimit: BODY_LIMIT_BYTES,
    requestTimeout: REQUEST_TIMEOUT_MS,
    routerOptions: { maxParamLength: MAX_PARAM_LENGTH },
    forceCloseConnections: true,
    frameworkErrors: (error, _, reply) => void answerError(error, reply, log),
    clientErrorHandler: answerBrokenRequest,
  });
  acceptAnyContentType(app);
  app.addHook('onRequest', async (request) => admitCaller(callerOf(request), token));
  app.setErrorHandler<FastifyError | AdminError>((error, _, reply) => answerError(error, reply, log));
  app.setNotFoundHandler((request, reply) => {
    const expected = `one of ${KNOWN_ROUTES}`;
    const got = `${request.method} ${shown(pathOf(request))}`;
    return reply.code(404).send(new AdminError({ status: 404, code: 'NOT_FOUND', expected, got }).body);
  });
  probeRoutes(app, control);
  metricsRoute(app, control);
  statusRoute(app, control, identity);
  backendRoutes(app, control);
  sessionRoutes(app, control);
  connectionRoutes(app, control);
  configRoute(app, control, identity);
  dashboardRoute(app);
  topicRoutes(app, control);
  actionRoutes(app, control);
  return app;
}

const KNOWN_ROUTES =
  'GET /, /healthz, /readyz, /metrics, /v1/status, /v1/config, /v1/backends, /v1/sessions, /v1/connections, GET and DELETE /v1/sessions/:id, /v1/connections/:id, PUT /v1/backends/:id, POST /v1/publish, GET /v1/topics/:topic/history, GET /v1/topics/:topic/presence, POST /v1/reload, /v1/drain';

/** Whatever a body is called, it is read as JSON: `curl -d` sends a form's content type. An empty one is none. */
function acceptAnyContentType(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'string' }, (_, text, done) => {
    if (text.length === 0) {
      done(null, undefined);
      return;
    }
    try {
      done(null, JSON.parse(text.toString()));
    } catch {
      done(
        new AdminError({ status: 400, code: 'INVALID_BODY', expected: 'a body of JSON', got: shown(text.toString()) }),
      );
    }
  });
}

function callerOf(request: FastifyRequest): Parameters<typeof admitCaller>[0] {
  const { authorization, host, origin } = request.headers;
  return { path: pathOf(request), authorization, host, origin };
}

function pathOf({ url }: FastifyRequest): string {
  return url.split('?', 1)[0] ?? url;
}

function answerError(error: FastifyError | AdminError, reply: FastifyReply, log: Logger): FastifyReply {
  if (error instanceof AdminError) {
    if (error.status === 401) reply.header('www-authenticate', 'Bearer');
    return reply.code(error.status).send(error.body);
  }
  const status = error.statusCode ?? 500;
  if (status < 500) return reply.code(status).send(refusal(error, reply.request));
  log.error({ err: error }, 'admin call failed');
  return reply.code(500).send({ error: { code: 'INTERNAL', message: 'internal error; see the log' } });
}

function refusal({ message, statusCode }: FastifyError, { routeOptions }: FastifyReply['request']): ErrorBody {
  if (statusCode === 413) {
    const expected = `a body of at most ${routeOptions.bodyLimit ?? BODY_LIMIT_BYTES} bytes`;
    return new AdminError({ status: 413, code: 'BODY_TOO_LARGE', expected, got: 'a larger one' }).body;
  }
  return { error: { code: 'BAD_REQUEST', message } };
}

/** What is not HTTP at all: nothing of fastify runs for it. */
function answerBrokenRequest(_: Error, socket: Socket): void {
  if (!socket.writable) return;
  const body = JSON.stringify({
    error: { code: 'BAD_REQUEST', message: 'expected an HTTP/1.1 request, got something else' },
  });
  const head = `HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close`;
  socket.end(`${head}\r\n\r\n${body}`);
}

function explainListenError({ host, port }: AdminConfig, error: unknown): string {
  const code = (error as NodeJS.ErrnoException).code ?? String(error);
  const why = code === 'EADDRINUSE' ? 'a port that another process uses' : code;
  return `admin: expected to listen on ${host}:${port}, got ${why}; set admin.address in the config to a free one`;
}
