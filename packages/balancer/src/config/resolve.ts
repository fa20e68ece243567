/**
 * From a parsed file to the configuration that processes run on: what depends on the machine (cores), on the place
 * of the file (relative paths), on other files (keys) or on other entries (names of routes) is settled here. Pure:
 * all of them are given.
 */
import type { AuthConfig, ListenConfig, PoolConfig, TlsConfig } from '@holdfast/worker';
import { resolve } from 'node:path';
import type { JwtKey } from './jwt-keys.js';
import type { ParsedConfig } from './schema.js';
import type { ParsedAuth } from './schema-auth.js';
import type { ParsedPool } from './schema-pool.js';
import type { ParsedRoute } from './schema-route.js';
import type { BalancerConfig } from './types.js';

export interface Surroundings {
  /** Folder of the configuration file: relative paths start there. */
  readonly folder: string;
  readonly cores: number;
  /** Stands in for an absent `secret`. */
  readonly madeUpSecret: string;
  /** By index of the route: one for each that has `auth`. */
  readonly jwtKeys: ReadonlyMap<number, JwtKey>;
}

/** As many as `workers` may say: `auto` on a larger machine stays within it. */
const MAX_WORKERS = 256;

export function resolveConfig(parsed: ParsedConfig, surroundings: Surroundings): BalancerConfig {
  const { folder, cores, madeUpSecret, jwtKeys } = surroundings;
  return {
    worker: {
      listen: parsed.listen.map((listener) => resolveListener(listener, folder)),
      secrets: parsed.secrets ?? [madeUpSecret],
      trustedProxies: parsed.trustedProxies,
      routes: nameRoutes(parsed.routes).map((route, index) => ({
        ...route,
        auth: resolveAuth(route.auth, jwtKeys.get(index)),
      })),
      pools: namePools(parsed.pools),
      topics: parsed.topics,
      state: parsed.state,
      logs: parsed.logs,
      drainTimeoutMs: parsed.drainTimeoutMs,
    },
    workers: parsed.workers === 'auto' ? Math.min(cores, MAX_WORKERS) : parsed.workers,
    admin: parsed.admin === undefined ? undefined : { ...parsed.admin.address, token: parsed.admin.token },
  };
}

function resolveListener(listener: ListenConfig, folder: string): ListenConfig {
  return { ...listener, tls: listener.tls === undefined ? undefined : resolveTls(listener.tls, folder) };
}

function resolveTls({ names, ...own }: TlsConfig, folder: string): TlsConfig {
  const absolute = (pair: { certificate: string; key: string }): { certificate: string; key: string } => ({
    certificate: resolve(folder, pair.certificate),
    key: resolve(folder, pair.key),
  });
  const byName = Object.entries(names).map(([name, pair]) => [name, absolute(pair)] as const);
  return { ...absolute(own), names: Object.fromEntries(byName) };
}

/** `chat`, `chat-2`, …: never a name that another route was given in the file. */
function nameRoutes(routes: readonly ParsedRoute[]): (ParsedRoute & { readonly name: string })[] {
  const taken = new Set(routes.map((route) => route.name));
  return routes.map((route) => {
    if (route.name !== undefined) return { ...route, name: route.name };
    let name = route.pool;
    for (let count = 2; taken.has(name); count += 1) name = `${route.pool}-${count}`;
    taken.add(name);
    return { ...route, name };
  });
}

function resolveAuth(auth: ParsedAuth | undefined, found: JwtKey | undefined): AuthConfig | undefined {
  if (auth === undefined) return undefined;
  // Never a route that is open because its key was lost on the way.
  if (found === undefined) throw new Error('expected a key for every auth that has passed the checks, got none');
  const { algorithms, issuer, audience } = auth.jwt;
  return { jwt: { key: found.key, algorithms: algorithms ?? found.algorithms.slice(0, 1), issuer, audience } };
}

function namePools(pools: Readonly<Record<string, ParsedPool>>): Record<string, PoolConfig> {
  return Object.fromEntries(Object.entries(pools).map(([name, pool]) => [name, { name, ...pool }]));
}
