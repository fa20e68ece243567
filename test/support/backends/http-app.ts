/**
 * An HTTP application whose every path behaves in a way that proxies get wrong: streams, silences, early deaths,
 * bodies where none may be. It keeps what it received, so that a test can compare it with what was sent.
 */
import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { type Listening, listen } from './listening.js';

export interface HttpApp extends Listening {
  readonly id: string;
  /** Requests that arrived, oldest first. */
  readonly requests: IncomingMessage[];
  /** Paths of requests that their client gave up. */
  readonly aborted: string[];
  /** Responses that are still open, by path: a test writes to them. */
  readonly held: Map<string, ServerResponse>;
  /** Answer of `/health`. */
  health: number;
}

type Behaviour = (request: IncomingMessage, response: ServerResponse, app: HttpApp) => void;

const MEBIBYTE = Buffer.alloc(1024 * 1024, 'abcdefghijklmnopqrstuvwxyz012345');

export async function startHttpApp(id = 'app'): Promise<HttpApp> {
  // Wider than the balancer's own limit, so that it is the balancer that refuses.
  const server = createServer({ maxHeaderSize: 64 * 1024 }, (request, response) => handle(request, response, app));
  // Expect: 100-continue is answered only once the application wants the body.
  server.on('checkContinue', (request: IncomingMessage, response: ServerResponse) => {
    response.writeContinue();
    handle(request, response, app);
  });
  const listening = await listen(server);
  const app: HttpApp = Object.assign(listening, { id, requests: [], aborted: [], held: new Map(), health: 200 });
  return app;
}

/** SHA-256 of `/big` with that many MiB. */
export function bigHash(mebibytes: number): string {
  const hash = createHash('sha256');
  for (let i = 0; i < mebibytes; i += 1) hash.update(MEBIBYTE);
  return hash.digest('hex');
}

export function mebibyte(): Buffer {
  return MEBIBYTE;
}

function handle(request: IncomingMessage, response: ServerResponse, app: HttpApp): void {
  app.requests.push(request);
  const path = new URL(request.url ?? '/', 'http://app').pathname;
  response.on('close', () => {
    app.held.delete(path);
    if (!response.writableFinished) app.aborted.push(path);
  });
  response.on('error', () => undefined);
  const [, first = ''] = path.split('/');
  (BEHAVIOURS[first] ?? echo)(request, response, app);
}

const BEHAVIOURS: Readonly<Record<string, Behaviour>> = {
  health: (_, response, app) => response.writeHead(app.health).end('health'),
  who: (_, response, app) => response.end(app.id),
  /** `/status/204`: that status; with a body where one is allowed. */
  status: (request, response) => {
    const status = Number(request.url?.split('/')[2]);
    const hasBody = status !== 204 && status !== 304;
    response.writeHead(status, status === 304 ? { etag: '"v1"' } : {}).end(hasBody ? `status ${status}` : undefined);
  },
  sse,
  big,
  hash,
  /** Holds the response open; the test finds it in `held`. */
  hold: (request, response, app) => void app.held.set(request.url ?? '', response),
  /** Head and some body, then a reset. */
  die: (request, response) => {
    response.writeHead(200, { 'content-length': '1000' });
    response.write('half', () => setImmediate(() => request.socket.resetAndDestroy()));
  },
  /** A reset before any answer. */
  vanish: (request) => void request.socket.resetAndDestroy(),
  trailers: (_, response) => {
    response.writeHead(200, { trailer: 'x-checksum' });
    response.write('body');
    response.addTrailers({ 'x-checksum': '1' });
    response.end();
  },
  early: (_, response) => {
    response.writeEarlyHints({ link: '</style.css>; rel=preload; as=style' });
    response.end('final');
  },
  /** Chunks that are each a write of their own. */
  chunks: (_, response) => {
    for (const part of ['one', 'two', 'three']) response.write(part);
    response.end();
  },
  hop: (_, response) => {
    const nominated = { connection: 'keep-alive, x-internal', 'x-internal': 'secret', 'keep-alive': 'timeout=5' };
    response.writeHead(200, { ...nominated, 'proxy-authenticate': 'Basic', 'x-kept': 'yes' }).end('hop');
  },
  cookies: (_, response) => response.writeHead(200, { 'set-cookie': ['a=1; Path=/', 'b=2; Path=/'] }).end('cookies'),
  redirect: (_, response) => response.writeHead(302, { location: '/elsewhere' }).end(),
};

/** What arrived, as JSON. */
function echo(request: IncomingMessage, response: ServerResponse, app: HttpApp): void {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('error', () => undefined);
  request.on('end', () => {
    const { method, url, headers, rawHeaders } = request;
    const body = Buffer.concat(chunks).toString();
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ id: app.id, method, url, headers, rawHeaders, body }));
  });
}

export interface Echoed {
  readonly id: string;
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly rawHeaders: readonly string[];
  readonly body: string;
}

/** One event at once, the next ones when the test writes them to `held`. */
function sse(request: IncomingMessage, response: ServerResponse, app: HttpApp): void {
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' });
  response.write('data: first\n\n');
  app.held.set(request.url ?? '', response);
}

/** `/big/64`: that many MiB, no faster than they are read. */
function big(request: IncomingMessage, response: ServerResponse): void {
  let left = Number(request.url?.split('/')[2]);
  const length = left * MEBIBYTE.length;
  response.writeHead(200, request.url?.endsWith('/chunked') === true ? {} : { 'content-length': length });
  const pump = (): void => {
    while (left > 0) {
      left -= 1;
      if (!response.write(MEBIBYTE)) return void response.once('drain', pump);
    }
    response.end();
  };
  pump();
}

/** Reads the body and answers its length and SHA-256. */
function hash(request: IncomingMessage, response: ServerResponse): void {
  const digest = createHash('sha256');
  let bytes = 0;
  request.on('error', () => undefined);
  request.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    digest.update(chunk);
  });
  request.on('end', () => response.end(JSON.stringify({ bytes, hash: digest.digest('hex') })));
}
