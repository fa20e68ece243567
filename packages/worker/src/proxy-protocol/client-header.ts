/**
 * What a backend is told of a client ahead of everything else, in pools with `proxyProtocol: v2`. Pure.
 */
import type { DownstreamRequest } from '../listener/downstream-request.js';
import type { ClientInfo } from '../routing/trust.js';
import { proxyHeader } from './write-header.js';

/** A client that is known from X-Forwarded-For has no port that anybody knows. */
export function clientHeader({ remoteAddress, ends }: DownstreamRequest, client: ClientInfo): Uint8Array {
  const port = client.address === remoteAddress ? (ends?.remotePort ?? 0) : 0;
  const destination = { address: ends?.localAddress ?? '', port: ends?.localPort ?? 0 };
  return proxyHeader({ client: { address: client.address, port }, destination });
}
