/**
 * From a DNS configuration to the list of backends, once. A records come first and AAAA records only where there are none: a
 * host with both is one server, and would otherwise be two backends with twice its share. Names that DNS does
 * not know are asked of the system (`lookup`), so that /etc/hosts and container names work. Of SRV records only those
 * with the best priority count, the rest are stand-ins (RFC 2782).
 */
import { lookup, Resolver } from 'node:dns/promises';
import { isIP } from 'node:net';
import type { BackendsConfig } from '@holdfast/worker';

export type DnsConfig = Extract<BackendsConfig, { type: 'dns' }>;

/** A backend as it is listed, by the configuration file or by DNS. */
export interface ListedBackend {
  readonly id: string;
  readonly url: string;
  readonly weight: number;
  readonly serverName: string | undefined;
}

/** What is needed of node:dns. */
export interface NameResolver {
  resolve4(name: string): Promise<string[]>;
  resolve6(name: string): Promise<string[]>;
  resolveSrv(name: string): Promise<{ name: string; port: number; priority: number; weight: number }[]>;
  lookup(name: string): Promise<string[]>;
}

/** More than this of one name is rather a mistake than a pool. */
export const MAX_DISCOVERED = 1000;
const MAX_SRV_TARGETS = 100;

/** One try of a second per server: the next refresh is the retry, and start-up waits for the first answer. */
export function systemResolver(resolver: Resolver = new Resolver({ timeout: 1000, tries: 1 })): NameResolver {
  return {
    resolve4: (name) => resolver.resolve4(name),
    resolve6: (name) => resolver.resolve6(name),
    resolveSrv: (name) => resolver.resolveSrv(name),
    lookup: async (name) => (await lookup(name, { all: true })).map(({ address }) => address),
  };
}

/** Sorted by id, without repetition. Rejects when nothing was found: an empty pool is never what somebody wanted. */
export async function resolveBackends(config: DnsConfig, resolver: NameResolver): Promise<readonly ListedBackend[]> {
  const found = config.record === 'srv' ? await fromSrv(config, resolver) : await fromAddresses(config, resolver);
  const byId = new Map(found.map((backend) => [backend.id, backend]));
  if (byId.size === 0) throw new Error(`expected addresses of ${config.name}, got an empty answer`);
  return [...byId.values()].sort((a, b) => (a.id < b.id ? -1 : 1)).slice(0, MAX_DISCOVERED);
}

async function fromAddresses(config: DnsConfig, resolver: NameResolver): Promise<ListedBackend[]> {
  const addresses = await resolveAddresses(config.name, resolver);
  return addresses.map((address) => list(config, { address, port: config.port, weight: 1, serverName: config.name }));
}

async function fromSrv(config: DnsConfig, resolver: NameResolver): Promise<ListedBackend[]> {
  const records = (await resolver.resolveSrv(config.name)).filter(({ name }) => name !== '' && name !== '.');
  const best = Math.min(...records.map(({ priority }) => priority));
  const targets = records.filter(({ priority }) => priority === best).slice(0, MAX_SRV_TARGETS);
  const lists = await Promise.all(
    targets.map(async ({ name, port, weight }) => {
      const addresses = await resolveAddresses(name, resolver);
      // 0 means "hardly any" in DNS and "none" here.
      return addresses.map((address) => list(config, { address, port, weight: Math.max(1, weight), serverName: name }));
    }),
  );
  return lists.flat();
}

async function resolveAddresses(name: string, resolver: NameResolver): Promise<string[]> {
  if (isIP(name) !== 0) return [name];
  for (const record of ['resolve4', 'resolve6'] as const) {
    try {
      const addresses = await resolver[record](name);
      if (addresses.length > 0) return addresses;
    } catch {
      // What it was is told by lookup(), which has the last word.
    }
  }
  const addresses = await resolver.lookup(name);
  const v4 = addresses.filter((address) => isIP(address) === 4);
  return v4.length > 0 ? v4 : addresses;
}

interface Endpoint {
  readonly address: string;
  readonly port: number;
  readonly weight: number;
  readonly serverName: string;
}

function list({ scheme }: DnsConfig, { address, port, weight, serverName }: Endpoint): ListedBackend {
  const id = isIP(address) === 6 ? `[${address}]:${port}` : `${address}:${port}`;
  return { id, url: `${scheme}://${id}`, weight, serverName };
}
