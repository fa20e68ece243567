/**
 * HTTP requests with nothing added and nothing followed: node:http without an agent, so that Host and every other
 * header are the test's own, redirects are values, and each request has its own connection unless told otherwise.
 */
import { type Agent, type ClientRequest, type IncomingHttpHeaders, type IncomingMessage, request } from 'node:http';

export interface RequestShape {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
  readonly body?: string | Buffer;
  readonly agent?: Agent;
  readonly localAddress?: string;
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly rawHeaders: readonly string[];
  readonly body: string;
}

export async function fetchFrom(url: string, shape: RequestShape = {}): Promise<Answer> {
  const { response } = await startRequest(url, shape);
  return { ...headOf(response), body: (await readAll(response)).toString() };
}

/** For bodies that are read step by step. */
export function startRequest(
  url: string,
  shape: RequestShape = {},
): Promise<{ request: ClientRequest; response: IncomingMessage }> {
  const sent = openRequest(url, shape);
  // node:http sends no length for DELETE and OPTIONS by itself, which would make the body a second request.
  if (shape.body !== undefined) sent.setHeader('content-length', Buffer.byteLength(shape.body));
  sent.end(shape.body);
  return answered(sent);
}

/** The caller writes the body and ends it. */
export function openRequest(
  url: string,
  { method = 'GET', headers = {}, agent, localAddress }: RequestShape = {},
): ClientRequest {
  return request(url, {
    method,
    headers: headers as Record<string, string>,
    agent: agent ?? false,
    ...(localAddress === undefined ? {} : { localAddress }),
  });
}

export function answered(sent: ClientRequest): Promise<{ request: ClientRequest; response: IncomingMessage }> {
  return new Promise((resolve, reject) => {
    sent.once('response', (response) => resolve({ request: sent, response }));
    sent.once('upgrade', (response) => resolve({ request: sent, response }));
    // For good: a connection that ends after the answer must not end the test run.
    sent.on('error', reject);
  });
}

export async function readAll(response: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

function headOf(response: IncomingMessage): Omit<Answer, 'body'> {
  return { status: response.statusCode ?? 0, headers: response.headers, rawHeaders: response.rawHeaders };
}
