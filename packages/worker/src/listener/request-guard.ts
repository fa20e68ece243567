/**
 * Requests that are refused before anything else looks at them: whatever two HTTP parsers could read differently
 * is not passed on (request smuggling, RFC 9112 §11.2). Pure. Folded lines, blanks before a colon and a head that is
 * both chunked and sized are refused by uWebSockets.js before they get here.
 */
import { headerOf, headerValues, type DownstreamRequest } from './downstream-request.js';

export interface GuardRefusal {
  readonly status: 400 | 403 | 405 | 501;
  readonly reason: string;
}

/** A value that node:http and undici would refuse to send. */
// oxlint-disable-next-line no-control-regex -- control characters are what is looked for
const FORBIDDEN_IN_VALUE = /[\0-\x08\x0a-\x1f\x7f]/;
const TOKEN = /^[!#$%&'*+.^_`|~0-9a-z-]+$/;
/** `/./` and `/../`, plain or encoded: a backend that resolves them would leave the route that was matched. */
const DOT_SEGMENT = /\/(?:\.|%2e){1,2}(?:\/|$)/i;
/**
 * RFC 3986 lets no other characters into a target. A `\` is a `/` to some URL parsers, so it would leave the route too;
 * a `#` or a raw UTF-8 byte cannot be sent on.
 */
const TARGET = /^[!"$-[\]-~]*$/;
const HOST = /^[^\s/?#@\\]+$/;

export function guardRequest(request: DownstreamRequest): GuardRefusal | undefined {
  return (
    guardCertificate(request) ??
    guardTarget(request) ??
    guardFraming(request) ??
    guardHost(request) ??
    guardHeaders(request)
  );
}

/** After the TLS handshake, and so as an answer: the native library can ask a client for a certificate, but not insist. */
function guardCertificate({ lacksCertificate }: DownstreamRequest): GuardRefusal | undefined {
  if (lacksCertificate !== true) return undefined;
  return { status: 403, reason: 'expected a client certificate, got none' };
}

function guardTarget(request: DownstreamRequest): GuardRefusal | undefined {
  const { method, path } = request;
  if (method === 'CONNECT' || method === 'TRACE') {
    return { status: 405, reason: `expected a method other than CONNECT and TRACE, got ${method}` };
  }
  if (!path.startsWith('/')) return bad('expected a request target that starts with /');
  if (!TARGET.test(path) || !TARGET.test(request.query)) {
    return bad('expected a request target of printable ASCII without "#" and "\\", the rest percent-encoded');
  }
  if (DOT_SEGMENT.test(path)) return bad('expected a path without "." and ".." segments');
  return undefined;
}

function guardFraming(request: DownstreamRequest): GuardRefusal | undefined {
  const lengths = headerValues(request, 'content-length');
  const codings = headerValues(request, 'transfer-encoding');
  if (lengths.length > 1) return bad('expected one Content-Length, got several');
  if (lengths.length === 1 && !/^\d{1,15}$/.test(lengths[0] ?? '')) return bad('expected digits in Content-Length');
  if (lengths.length > 0 && codings.length > 0) return bad('expected Content-Length or Transfer-Encoding, got both');
  if (codings.length > 1) return bad('expected one Transfer-Encoding, got several');
  if (codings.length === 1 && codings[0]?.toLowerCase() !== 'chunked') {
    return { status: 501, reason: 'expected Transfer-Encoding: chunked, got another coding' };
  }
  return undefined;
}

function guardHost(request: DownstreamRequest): GuardRefusal | undefined {
  const hosts = headerValues(request, 'host');
  if (hosts.length !== 1) return bad(`expected one Host header, got ${hosts.length}`);
  return HOST.test(headerOf(request, 'host') ?? '') ? undefined : bad('expected host[:port] in the Host header');
}

function guardHeaders(request: DownstreamRequest): GuardRefusal | undefined {
  const { headers } = request;
  for (let i = 0; i < headers.length; i += 2) {
    if (!TOKEN.test(headers[i] ?? '')) return bad('expected header names made of token characters');
    if (FORBIDDEN_IN_VALUE.test(headers[i + 1] ?? '')) return bad('expected header values without control characters');
  }
  return undefined;
}

function bad(reason: string): GuardRefusal {
  return { status: 400, reason };
}
