/**
 * Reads out of a URL how to reach Redis: one server, a master that Sentinels know, or a Cluster. ioredis would take some
 * of these URLs itself, but it takes any of its options from the query part too, which could undo the bounds that this
 * package sets, and it guesses where we would rather refuse. Several hosts make no URL, hence the parsing by hand.
 */
import { StateError } from '../errors.js';

export type RedisAddress = SingleAddress | SentinelAddress | ClusterAddress;

export interface SingleAddress extends CommonAddress, HostPort {
  readonly kind: 'single';
  readonly db: number;
}

export interface SentinelAddress extends CommonAddress {
  readonly kind: 'sentinel';
  readonly sentinels: readonly HostPort[];
  readonly masterName: string;
  readonly db: number;
}

export interface ClusterAddress extends CommonAddress {
  readonly kind: 'cluster';
  /** Enough of the nodes to find the others. */
  readonly seeds: readonly HostPort[];
}

interface CommonAddress {
  readonly username: string | undefined;
  readonly password: string | undefined;
  readonly isTls: boolean;
  /** Whom it names, for logs and errors: never with the password. */
  readonly label: string;
}

export interface HostPort {
  readonly host: string;
  readonly port: number;
}

export function parseRedisUrl(url: string): RedisAddress {
  const parts = splitUrl(url);
  switch (parts.kind) {
    case 'single':
      return singleAddress(parts);
    case 'sentinel':
      return sentinelAddress(parts);
    case 'cluster':
      return clusterAddress(parts);
  }
}

export function isRedisUrl(url: string): boolean {
  try {
    parseRedisUrl(url);
    return true;
  } catch {
    return false;
  }
}

interface Parts {
  readonly kind: RedisAddress['kind'];
  readonly credentials: Pick<CommonAddress, 'username' | 'password' | 'isTls'>;
  /** `host[:port][,…]` */
  readonly hosts: string;
  /** Without the slash in front. */
  readonly path: string;
}

const FORMS: Readonly<Record<RedisAddress['kind'], string>> = {
  single: 'redis://[user:password@]host[:port][/db]',
  sentinel: 'redis+sentinel://[user:password@]host[:port][,host[:port]…]/master-name[/db]',
  cluster: 'redis+cluster://[user:password@]host[:port][,host[:port]…]',
};
const SENTINEL_PORT = 26_379;
const REDIS_PORT = 6379;
/** More are a mistake: a few are enough to find all. */
const MAX_HOSTS = 64;
/** What Sentinel itself takes for a name. */
const MASTER_NAME = /^[A-Za-z0-9._-]{1,128}$/;
const URL_PARTS = /^([a-z+]+):\/\/(?:([^@/?#]*)@)?([^/?#]*)(?:\/([^?#]*))?([?#].*)?$/is;

function splitUrl(url: string): Parts {
  // The URL itself is not repeated in any message: it may hold a password.
  const [, scheme = '', user = '', hosts = '', path = '', rest] = URL_PARTS.exec(url) ?? [];
  if (scheme === '') throw badUrl(undefined, 'got something that is not a URL');
  const [, tls, kind = 'single'] = /^redis(s?)(?:\+(sentinel|cluster))?$/.exec(scheme.toLowerCase()) ?? [];
  if (tls === undefined) throw badUrl(undefined, `got the scheme ${scheme}://`);
  const known = kind as RedisAddress['kind'];
  if (hosts === '') throw badUrl(known, 'got no host');
  if (hosts.includes('@')) throw badUrl(known, 'got a second "@"; write one in a password as %40');
  if (rest !== undefined) throw badUrl(known, 'got something behind "?" or "#"; remove it');
  const colon = user.indexOf(':');
  const username = decodePart(known, colon === -1 ? user : user.slice(0, colon));
  const password = decodePart(known, colon === -1 ? '' : user.slice(colon + 1));
  return { kind: known, credentials: { username, password, isTls: tls === 's' }, hosts, path };
}

function singleAddress({ kind, credentials, hosts, path }: Parts): SingleAddress {
  if (hosts.includes(',')) throw badUrl(kind, 'got several hosts: redis+sentinel:// and redis+cluster:// take those');
  const at = parseHost(kind, hosts, REDIS_PORT);
  return { kind: 'single', ...at, db: parseDb(kind, path), ...credentials, label: labelOf(at) };
}

function sentinelAddress({ kind, credentials, hosts, path }: Parts): SentinelAddress {
  const [masterName = '', db = '', ...rest] = path.split('/');
  if (!MASTER_NAME.test(masterName)) {
    const got =
      masterName === '' ? 'no name of a master' : `the master name ${JSON.stringify(masterName.slice(0, 40))}`;
    throw badUrl(kind, `got ${got} behind the hosts; it is the one in "sentinel monitor <name> …"`);
  }
  if (rest.length > 0) throw badUrl(kind, 'got something behind the database; remove it');
  const sentinels = parseHosts(kind, hosts, SENTINEL_PORT);
  const label = `${masterName} of the sentinels ${sentinels.map(labelOf).join()}`;
  return { kind: 'sentinel', sentinels, masterName, db: parseDb(kind, db), ...credentials, label };
}

function clusterAddress({ kind, credentials, hosts, path }: Parts): ClusterAddress {
  if (path !== '')
    throw badUrl(kind, `got ${JSON.stringify(path.slice(0, 40))} behind the hosts; a Cluster has no databases`);
  const seeds = parseHosts(kind, hosts, REDIS_PORT);
  return { kind: 'cluster', seeds, ...credentials, label: `the cluster of ${seeds.map(labelOf).join()}` };
}

function parseHosts(kind: Parts['kind'], hosts: string, defaultPort: number): readonly HostPort[] {
  const parsed = hosts.split(',').map((host) => parseHost(kind, host, defaultPort));
  if (parsed.length > MAX_HOSTS) throw badUrl(kind, `got ${parsed.length} hosts, more than ${MAX_HOSTS}`);
  return parsed;
}

function parseHost(kind: Parts['kind'], text: string, defaultPort: number): HostPort {
  // A name, an IPv4 address, or an IPv6 address in brackets; then perhaps a port.
  const [, host, port = String(defaultPort)] = /^(\[[0-9a-f:.]+\]|[^\s:[\]]+)(?::(\d{1,5}))?$/i.exec(text) ?? [];
  if (host === undefined) {
    throw badUrl(kind, `got ${text === '' ? 'an empty host' : 'something that is not a host with a port'}`);
  }
  const number = Number(port);
  if (number < 1 || number > 65_535) throw badUrl(kind, `got port ${number}`);
  return { host: host.replace(/^\[|\]$/g, ''), port: number };
}

function parseDb(kind: Parts['kind'], text: string): number {
  if (text === '') return 0;
  if (!/^\d{1,5}$/.test(text)) {
    throw badUrl(kind, `got the database ${JSON.stringify(text.slice(0, 40))}, not a number`);
  }
  return Number(text);
}

function labelOf({ host, port }: HostPort): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

function decodePart(kind: Parts['kind'], part: string): string | undefined {
  if (part === '') return undefined;
  try {
    return decodeURIComponent(part);
  } catch {
    throw badUrl(kind, 'got a user or password with a "%" that is not followed by two hex digits; write it as %25');
  }
}

/** With the form that was meant, where that is known, or all of them. */
function badUrl(kind: RedisAddress['kind'] | undefined, got: string): StateError {
  const forms = kind === undefined ? Object.values(FORMS).join(' or ') : FORMS[kind];
  return new StateError('STATE_CONFIG', `state url: expected ${forms} (rediss for TLS), ${got}`);
}
