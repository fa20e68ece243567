/**
 * A client's request head, copied. uWebSockets.js' request lives on its stack and is gone after the handler
 * returns, so all of it is read at once; from here on nobody touches uWebSockets.js to ask about a request.
 */
import type { HttpRequest, HttpResponse } from 'uWebSockets.js';

export interface DownstreamRequest {
  /** As sent, case included. */
  readonly method: string;
  /** Raw, undecoded, without the query. */
  readonly path: string;
  /** Raw, without the `?`; empty when absent. */
  readonly query: string;
  /** Lower-case names and values in turn, in the order of the wire, duplicates kept. */
  readonly headers: readonly string[];
  /** The peer of the TCP connection: `127.0.0.1`, or IPv6 in full. IPv4-mapped IPv6 is given as IPv4. */
  readonly remoteAddress: string;
  /** Did it come over TLS? */
  readonly secure: boolean;
  /** undefined: not known any more. */
  readonly ends: ConnectionEnds | undefined;
  /** What a backend is told of the certificate that the client has shown and TLS has verified; see describeCertificate. */
  readonly clientCertificate?: string | undefined;
  /** Its listener wants a certificate, and none was shown. */
  readonly lacksCertificate?: boolean;
}

/** What a connection is known by besides its peer's address. The native listener tells neither port nor own address. */
export interface ConnectionEnds {
  /** 0: unknown. */
  readonly remotePort: number;
  /** Where the client had connected to; maybe `0.0.0.0`, maybe a name. */
  readonly localAddress: string;
  readonly localPort: number;
}

/** The two ends of a request's connection, as they are to be believed. */
export type Peer = Pick<
  DownstreamRequest,
  'remoteAddress' | 'secure' | 'ends' | 'clientCertificate' | 'lacksCertificate'
>;

/** First value of a header, or undefined. `name` is lower case. */
export function headerOf(request: Pick<DownstreamRequest, 'headers'>, name: string): string | undefined {
  const { headers } = request;
  for (let i = 0; i < headers.length; i += 2) if (headers[i] === name) return headers[i + 1];
  return undefined;
}

/** Every value of a header, in order. */
export function headerValues(request: Pick<DownstreamRequest, 'headers'>, name: string): string[] {
  const values: string[] = [];
  const { headers } = request;
  for (let i = 0; i < headers.length; i += 2) if (headers[i] === name) values.push(headers[i + 1] ?? '');
  return values;
}

/** Does a comma-separated header carry this token (lower case), in any of its lines? RFC 9110 §5.6.1. */
export function hasToken(request: Pick<DownstreamRequest, 'headers'>, name: string, token: string): boolean {
  return headerValues(request, name).some((value) =>
    value.split(',').some((part) => part.trim().toLowerCase() === token),
  );
}

export function copyRequest(req: HttpRequest, peer: Peer): DownstreamRequest {
  const headers: string[] = [];
  req.forEach((name, value) => {
    headers.push(name, value);
  });
  return {
    method: req.getCaseSensitiveMethod(),
    path: req.getUrl(),
    // Undefined where there is none, whatever the type says.
    query: req.getQuery() ?? '',
    headers,
    ...peer,
  };
}

export function peerAddressOf(res: HttpResponse): string {
  return addressFromBytes(new Uint8Array(res.getRemoteAddress()));
}

/** 4 bytes are IPv4, 16 are IPv6; `::ffff:a.b.c.d` is what a dual-stack socket calls an IPv4 peer. */
export function addressFromBytes(bytes: Uint8Array): string {
  if (bytes.length === 4) return bytes.join('.');
  const isMapped = bytes.length === 16 && bytes.subarray(0, 10).every((byte) => byte === 0) && bytes[10] === 0xff;
  if (isMapped) return bytes.subarray(12).join('.');
  const groups: string[] = [];
  for (let i = 0; i + 1 < bytes.length; i += 2) {
    groups.push((((bytes[i] ?? 0) << 8) | (bytes[i + 1] ?? 0)).toString(16));
  }
  return groups.join(':');
}
