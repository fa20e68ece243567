/**
 * Which headers pass to the other side. RFC 9110 §7.6.1: hop-by-hop headers, and those that the Connection header
 * names, belong to one connection and are removed; X-Forwarded-* and Forwarded (RFC 7239) are written by us *after*
 * that, so that a client cannot have them removed by naming them (envoy#44525). Who the client is, and by what way it
 * came, only a trusted proxy may say, under whatever name. Pure.
 */
import { headerValues, type DownstreamRequest } from '../listener/downstream-request.js';
import { forUpstream } from '../listener/header-bytes.js';
import type { ClientInfo } from './trust.js';

const HOP_BY_HOP = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'http2-settings',
]);

/** Answered or made anew by us. */
const OURS_IN_REQUESTS = new Set([
  'expect',
  'host',
  'x-forwarded-for',
  'x-forwarded-proto',
  'x-forwarded-host',
  'x-forwarded-client-cert',
  'forwarded',
  'x-request-id',
]);

/** Words of other proxies for what X-Forwarded-For says. With all of `x-forwarded-…`, they pass from a trusted proxy only. */
const CLIENT_ADDRESS = new Set([
  'cf-connecting-ip',
  'fastly-client-ip',
  'true-client-ip',
  'x-client-ip',
  'x-cluster-client-ip',
  'x-original-forwarded-for',
  'x-real-ip',
]);

/** What the WebSocket dialler makes itself. */
const OURS_IN_HANDSHAKES = new Set([
  'sec-websocket-key',
  'sec-websocket-version',
  'sec-websocket-extensions',
  'sec-websocket-protocol',
]);

export interface UpstreamHeaderOptions {
  readonly client: ClientInfo;
  /** Host header for the backend; undefined passes the client's on. */
  readonly host: string | undefined;
  readonly requestId: string;
  readonly isHandshake: boolean;
  /** undefined: the backend is not told who the client is. */
  readonly identity?: IdentityHeaders | undefined;
}

/** What we say of a client, and nobody else may. */
export interface IdentityHeaders {
  /** Lower case: no client's header of such a name passes. */
  readonly names: ReadonlySet<string>;
  /** Names and values in turn. */
  readonly headers: readonly string[];
}

/** Headers of the request to the backend: names and values in turn. */
export function upstreamHeaders(request: DownstreamRequest, options: UpstreamHeaderOptions): string[] {
  const nominated = nominatedBy(headerValues(request, 'connection'));
  const headers = ['host', options.host ?? headerValues(request, 'host')[0] ?? ''];
  const { headers: incoming } = request;
  for (let i = 0; i < incoming.length; i += 2) {
    const name = incoming[i] ?? '';
    if (isOurs(name, options.isHandshake) || isAlias(name) || nominated?.has(name) === true) continue;
    if (!options.client.isForwarded && isClaim(name)) continue;
    if (options.identity?.names.has(name.replaceAll('_', '-')) === true) continue;
    headers.push(name, forUpstream(incoming[i + 1] ?? ''));
  }
  headers.push(...forwardedHeaders(request, options.client), 'x-request-id', options.requestId);
  if (options.identity !== undefined) headers.push(...options.identity.headers);
  return headers;
}

/**
 * Headers of a backend's answer that the client gets: names and values in turn. `Date` and `Content-Length` are
 * written by the listener.
 */
export function downstreamHeaders(headers: Readonly<Record<string, string | readonly string[] | undefined>>): string[] {
  const nominated = nominatedBy(valuesOf(headers['connection']));
  const kept: string[] = [];
  for (const [name, value] of Object.entries(headers)) {
    const isOurs = name === 'date' || name === 'content-length' || name.startsWith('sec-websocket-');
    if (isOurs || HOP_BY_HOP.has(name) || nominated?.has(name) === true) continue;
    for (const one of valuesOf(value)) kept.push(name, one);
  }
  return kept;
}

function isOurs(name: string, isHandshake: boolean): boolean {
  return HOP_BY_HOP.has(name) || OURS_IN_REQUESTS.has(name) || (isHandshake && OURS_IN_HANDSHAKES.has(name));
}

function isClaim(name: string): boolean {
  return name.startsWith('x-forwarded-') || CLIENT_ADDRESS.has(name);
}

/** Where headers become variables (CGI, WSGI, Rack, PHP), X_Forwarded_For is X-Forwarded-For: no proxy means that, so it goes. */
function isAlias(name: string): boolean {
  if (!name.includes('_')) return false;
  const meant = name.replaceAll('_', '-');
  return isOurs(meant, true) || isClaim(meant) || meant === 'content-length';
}

function forwardedHeaders(request: DownstreamRequest, client: ClientInfo): string[] {
  const chain = (name: string, own: string): string[] =>
    client.isForwarded ? [...headerValues(request, name), own] : [own];
  const peer = request.remoteAddress;
  const { clientCertificate } = request;
  const certificates = client.isForwarded ? headerValues(request, 'x-forwarded-client-cert') : [];
  if (clientCertificate !== undefined) certificates.push(clientCertificate);
  const node = peer.includes(':') ? `"[${peer}]"` : peer;
  const forwarded = `for=${node};host=${quoted(client.host)};proto=${client.proto}`;
  return [
    'x-forwarded-for',
    forUpstream(chain('x-forwarded-for', peer).join(', ')),
    'x-forwarded-proto',
    forUpstream(client.proto),
    'x-forwarded-host',
    forUpstream(client.host),
    'forwarded',
    forUpstream(chain('forwarded', forwarded).join(', ')),
    ...(certificates.length === 0 ? [] : ['x-forwarded-client-cert', forUpstream(certificates.join(','))]),
  ];
}

function nominatedBy(connection: readonly string[]): Set<string> | undefined {
  if (connection.length === 0) return undefined;
  return new Set(connection.flatMap((value) => value.split(',').map((name) => name.trim().toLowerCase())));
}

function valuesOf(value: string | readonly string[] | undefined): readonly string[] {
  if (value === undefined) return [];
  return typeof value === 'string' ? [value] : value;
}

function quoted(host: string): string {
  return /^[A-Za-z0-9.-]+$/.test(host) ? host : `"${host.replaceAll(/["\\]/g, '')}"`;
}
