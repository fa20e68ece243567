/**
 * The formats of single values: addresses, hosts, URLs, names. Each function takes the text of the file and gives
 * the resolved value, or undefined when the text is no such thing; the sentence about what was expected stands
 * where the schema uses it. Pure, and shared by the schema and the checks across keys.
 */
import { isIP, isIPv4, isIPv6 } from 'node:net';
import { isRedisUrl } from '@holdfast/state';
import type { SocksProxy } from '@holdfast/worker';

export interface Address {
  readonly host: string;
  readonly port: number;
}

const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const LABEL = /^[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/;
const ORIGIN = /^([a-z][a-z0-9+.-]*):\/\/(\[[0-9a-f:.]+\]|[a-z0-9_.-]+)(?::(\d{1,5}))?$/;
const NOT_IDENTITY = new Set(
  (
    'connection content-length content-type cookie expect forwarded host http2-settings keep-alive origin ' +
    'proxy-authenticate proxy-authorization proxy-connection set-cookie te trailer transfer-encoding upgrade x-request-id'
  ).split(' '),
);
const DEFAULT_PORTS: Readonly<Record<string, string>> = { http: '80', https: '443', ws: '80', wss: '443' };

/** `host:port`, `[::1]:8080`, `:8080`, `*:8080` or a port alone. Without a host, all IPv4 addresses, as in HAProxy. */
export function parseAddress(input: string | number): Address | undefined {
  const text = String(input);
  const [, rawHost = '', rawPort = ''] = /^(?:(\[[^\]]*\]|[^:[\]]*):)?(\d{1,5})$/.exec(text) ?? [];
  const port = parsePort(rawPort);
  const host = parseBindHost(rawHost);
  return port === undefined || host === undefined ? undefined : { host, port };
}

export function formatAddress({ host, port }: Address): string {
  return `${isIPv6(host) ? `[${host}]` : host}:${port}`;
}

export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIPv4(host) && host.startsWith('127.'));
}

/** Lower-cased, or undefined. Underscores are allowed: container networks use them. */
export function parseHostname(text: string): string | undefined {
  const host = text.toLowerCase();
  if (isIPv4(host)) return host;
  const labels = host.split('.');
  const isName = host.length <= 253 && labels.every((label) => LABEL.test(label));
  // A last label of digits is a mistyped IPv4 address, not a name (WHATWG URL takes it so, too).
  return isName && !/^\d+$/.test(labels.at(-1) ?? '') ? host : undefined;
}

/** `chat.example.com` or `*.example.com`, lower-cased. */
export function parseHostPattern(text: string): string | undefined {
  if (!text.startsWith('*.')) return parseHostname(text);
  const host = parseHostname(text.slice(2));
  return host === undefined || isIPv4(host) ? undefined : `*.${host}`;
}

/** An IP address or a CIDR block. */
export function parseCidr(text: string): string | undefined {
  const [address = '', bits, ...rest] = text.split('/');
  const family = isIP(address);
  if (family === 0 || rest.length > 0 || address.includes('%')) return undefined;
  if (bits === undefined) return text;
  return /^\d{1,3}$/.test(bits) && Number(bits) <= (family === 4 ? 32 : 128) ? text : undefined;
}

/** Header names come out lower-cased, as the worker compares them. */
export function parseHeaderName(text: string): string | undefined {
  return TOKEN.test(text) ? text.toLowerCase() : undefined;
}

/** One that tells a backend who a client is: not one that says how to read a request, or by what way it came. */
export function parseIdentityHeader(text: string): string | undefined {
  const name = parseHeaderName(text);
  const isTaken = name === undefined || NOT_IDENTITY.has(name) || /^(?:x-forwarded-|sec-websocket-)|_/.test(name);
  return isTaken ? undefined : name;
}

/** What another service is asked at: credentials in it would be in every log. */
export function parseHttpUrl(text: string): string | undefined {
  if (!/^https?:\/\/[^\s\\]+$/i.test(text) || !URL.canParse(text)) return undefined;
  const { username, password, hash, href } = new URL(text);
  return username === '' && password === '' && hash === '' ? href : undefined;
}

export function parseCookieName(text: string): string | undefined {
  return TOKEN.test(text) ? text : undefined;
}

/** Names of pools, routes and backends: they become metric labels, parts of URLs and of keys. */
export function parseName(text: string): string | undefined {
  return /^[A-Za-z0-9][\w.-]{0,63}$/.test(text) ? text : undefined;
}

export function parseBackendId(text: string): string | undefined {
  return /^[\w.:[\]-]{1,255}$/.test(text) && text !== '__proto__' ? text : undefined;
}

/** As browsers send it in `Origin`: lower case, without the scheme's default port. */
export function parseOrigin(text: string): string | undefined {
  const [, scheme = '', host = '', port] = ORIGIN.exec(text.toLowerCase()) ?? [];
  if (scheme === '' || (port !== undefined && parsePort(port) === undefined)) return undefined;
  return port === undefined || port === DEFAULT_PORTS[scheme] ? `${scheme}://${host}` : `${scheme}://${host}:${port}`;
}

/** A path without query, cut to segments: `/chat/` is `/chat`. */
export function parsePath(text: string): string | undefined {
  if (!/^\/[^\s?#]*$/.test(text) || !isPrintable(text)) return undefined;
  const trimmed = text.replace(/\/+$/, '');
  return trimmed === '' ? '/' : trimmed;
}

/** A path as a request sends it: with its query, if any. */
export function parseRequestPath(text: string): string | undefined {
  return /^\/[^\s#]*$/.test(text) && isPrintable(text) ? text : undefined;
}

/** Value of a Host header: a name or an address, with or without a port. */
export function parseHostHeader(text: string): string | undefined {
  const [, host = '', port] = /^(\[[^\]]*\]|[^:]+)(?::(\d{1,5}))?$/.exec(text) ?? [];
  const isHost = host.startsWith('[') ? isIPv6(host.slice(1, -1)) : parseHostname(host) !== undefined;
  return isHost && (port === undefined || parsePort(port) !== undefined) ? text : undefined;
}

/** The origin of a backend, and the id that it has unless one is given. ws and wss are what http and https upgrade to. */
export function parseBackendUrl(text: string): { url: string; id: string } | undefined {
  if (!/^(?:https?|wss?):\/\/[^\s\\]+$/i.test(text) || !URL.canParse(text)) return undefined;
  const url = new URL(text);
  const isOrigin = url.pathname === '/' && url.search === '' && url.hash === '' && !/[?#@]/.test(text);
  if (!isOrigin || url.hostname === '' || url.port === '0') return undefined;
  const scheme = url.protocol === 'https:' || url.protocol === 'wss:' ? 'https' : 'http';
  return { url: `${scheme}://${url.host}`, id: `${url.hostname}:${url.port || DEFAULT_PORTS[scheme]}` };
}

/** One server, a master behind sentinels, or a Cluster: whatever the state package can reach. */
export function parseRedisUrl(text: string): string | undefined {
  return isRedisUrl(text) ? text : undefined;
}

/** Names are resolved by the proxy, which others spell `socks5h`: both are taken. */
export function parseSocksUrl(text: string): SocksProxy | undefined {
  if (!/^socks5h?:\/\/[^\s\\]+$/i.test(text) || !URL.canParse(text)) return undefined;
  const { hostname, port, username, password, pathname, search, hash } = new URL(text);
  if (hostname === '' || port === '0' || search !== '' || hash !== '' || (pathname !== '' && pathname !== '/')) {
    return undefined;
  }
  const [user, secret] = [decoded(username), decoded(password)];
  // RFC 1929 has one byte for each length, and no empty ones.
  if (user === undefined || secret === undefined || (user === '' && secret !== '')) return undefined;
  if (user !== '' && [user, secret].some((value) => value === '' || Buffer.byteLength(value) > 255)) return undefined;
  const credentials = { username: user || undefined, password: secret || undefined };
  return { host: hostname.replace(/^\[(.*)\]$/, '$1'), port: port === '' ? 1080 : Number(port), ...credentials };
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

/** `204` or `200-399`. */
export function parseStatusRange(input: string | number): { min: number; max: number } | undefined {
  const [, low = '', high = low] = /^(\d{3})(?:-(\d{3}))?$/.exec(String(input)) ?? [];
  const [min, max] = [Number(low), Number(high)];
  return min >= 100 && max <= 599 && min <= max ? { min, max } : undefined;
}

function parseBindHost(text: string): string | undefined {
  if (text === '' || text === '*') return '0.0.0.0';
  if (!text.startsWith('[')) return parseHostname(text);
  const address = text.slice(1, -1).toLowerCase();
  return isIPv6(address) ? address : undefined;
}

function parsePort(text: string): number | undefined {
  return /^\d{1,5}$/.test(text) && Number(text) <= 65_535 ? Number(text) : undefined;
}

/** Request targets are visible ASCII; anything else must come percent-encoded. */
function isPrintable(text: string): boolean {
  return /^[\x21-\x7e]+$/.test(text);
}
