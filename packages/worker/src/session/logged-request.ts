/**
 * What the access log will say of a connection's request when it ends, hours later: one JSON text until then, a quarter of
 * what the same costs in objects. Who the client is follows from the rest, unless a proxy told.
 */
import { headerOf, type DownstreamRequest } from '../listener/downstream-request.js';
import type { ClientInfo } from '../routing/trust.js';

/** No more of the request than that is logged; of its headers `host`. */
export interface LoggedRequest {
  readonly request: DownstreamRequest;
  readonly client: ClientInfo;
}

type Kept = readonly [path: string, host: string, peer: string, secure: 0 | 1, forwarded?: ClientInfo];

export function keepLogged({ request, client }: LoggedRequest): string {
  const { path, remoteAddress, secure } = request;
  const host = headerOf(request, 'host') ?? '';
  const kept: Kept = [path, host, remoteAddress, secure ? 1 : 0];
  // JSON.stringify answers a rope of short pieces; the copy is in one.
  return Buffer.from(JSON.stringify(client.isForwarded ? [...kept, client] : kept)).toString();
}

export function readLogged(text: string): LoggedRequest {
  const [path, host, peer, secure, forwarded] = JSON.parse(text) as Kept;
  // Of all methods, a handshake has this one.
  const request = {
    method: 'GET',
    path,
    query: '',
    headers: ['host', host],
    remoteAddress: peer,
    secure: secure === 1,
    ends: undefined,
  };
  const proto = request.secure ? 'https' : 'http';
  return { request, client: forwarded ?? { address: peer, isForwarded: false, proto, host } };
}
