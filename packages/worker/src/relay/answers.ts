/**
 * The answers that Holdfast gives in its own name, with what they owe the client: a status that means what people
 * expect of a proxy, a sentence without internals, and the request id to quote to an operator.
 */
import type { CompleteResponse } from '../listener/http-exchange.js';

export type OwnStatus = 400 | 401 | 403 | 404 | 405 | 413 | 426 | 429 | 501 | 502 | 503 | 504;

const SENTENCES: Readonly<Record<OwnStatus, string>> = {
  400: 'The request is malformed.',
  401: 'Credentials are missing or not accepted.',
  403: 'This is not allowed here.',
  404: 'Nothing is served here.',
  405: 'This method is not allowed.',
  413: 'The request is too large.',
  426: 'Expected WebSocket version 13.',
  429: 'Too many connections or requests.',
  501: 'This transfer coding is not supported.',
  502: 'The service gave an invalid answer.',
  503: 'No instance of the service is available.',
  504: 'The service did not answer in time.',
};

export function ownAnswer(status: OwnStatus, requestId: string, sentence?: string): CompleteResponse {
  const headers = ['content-type', 'text/plain; charset=utf-8', 'x-request-id', requestId];
  if (status === 401) headers.push('www-authenticate', 'Bearer');
  if (status === 426) headers.push('sec-websocket-version', '13', 'upgrade', 'websocket');
  if (status === 429) headers.push('retry-after', '1');
  if (status === 503) headers.push('retry-after', '2');
  return { status, headers, body: `${sentence ?? SENTENCES[status]}\nrequest id: ${requestId}\n` };
}

/** @param delayMs when there is room for it: told in whole seconds, so jittered by one. @param random in [0, 1). */
export function overloadAnswer(requestId: string, delayMs: number, random: number): CompleteResponse {
  const seconds = Math.ceil(delayMs / 1000 + random);
  const headers = ['content-type', 'text/plain; charset=utf-8', 'x-request-id', requestId, 'retry-after', `${seconds}`];
  return { status: 503, headers, body: `Too many clients at once: come back later.\nrequest id: ${requestId}\n` };
}
