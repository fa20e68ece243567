/**
 * From a parsed file to the configuration that processes run on: what depends on the machine (cores), on the place
 * of the file (relative paths), on other files (keys) or on other entries (names of routes) is settled here. Pure:
 * all of them are given.
 */
import type { AuthConfig, JwtConfig, ListenConfig, PoolConfig } from '@holdfast/worker';
import type { JwtKey } from './jwt-keys.js';
import { resolveListenerTls, resolvePoolTls, type TlsPlace } from './resolve-tls.js';
import type { ParsedConfig, ParsedListener } from './schema.js';
import type { ParsedAuth, ParsedJwt } from './schema-auth.js';
import type { ParsedPool } from './schema-pool.js';
import type { ParsedRoute } from './schema-route.js';
import type { TlsFiles } from './tls-files.js';
import type { BalancerConfig } from './types.js';

export interface Surroundings {
  /** Folder of the configuration file: relative paths start there. */
  readonly folder: string;
  readonly cores: number;
  /** Stands in for an absent `secret`. */
  readonly madeUpSecret: string;
  /** By index of the route: one for each that has `auth`. */
  readonly jwtKeys: ReadonlyMap<number, JwtKey>;
  readonly tlsFiles: Pick<TlsFiles, 'at'>;
}

/** As many as `workers` may say: `auto` on a larger machine stays within it. */
const MAX_WORKERS = 256;

export function resolveConfig(parsed: ParsedConfig, surroundings: Surroundings): BalancerConfig {
  const { folder, cores, madeUpSecret, jwtKeys, tlsFiles } = surroundings;
  return {
    worker: {
      listen: parsed.listen.map((listener, index) =>
        resolveListener(listener, { folder, files: tlsFiles, path: ['listen', index, 'tls'] }),
      ),
      secrets: parsed.secrets ?? [madeUpSecret],
      trustedProxies: parsed.trustedProxies,
      routes: nameRoutes(parsed.routes).map((route, index) => ({
        ...route,
        auth: resolveAuth(route.auth, jwtKeys.get(index)),
      })),
      pools: namePools(parsed.pools, (name) => ({ folder, files: tlsFiles, path: ['pools', name, 'tls'] })),
      topics: parsed.topics,
      state: parsed.state,
      logs: parsed.logs,
      admission: parsed.admission,
      overload: parsed.overload,
      rebalance: parsed.rebalance,
      drain: parsed.drain,
    },
    workers: parsed.workers === 'auto' ? Math.min(cores, MAX_WORKERS) : parsed.workers,
    admin: parsed.admin === undefined ? undefined : { ...parsed.admin.address, token: parsed.admin.token },
  };
}

function resolveListener(listener: ParsedListener, place: TlsPlace): ListenConfig {
  return { ...listener, tls: listener.tls && resolveListenerTls(listener.tls, place) };
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
  const { jwt, ...rest } = auth;
  return { ...rest, jwt: jwt === undefined ? undefined : resolveJwt(jwt, found) };
}

function resolveJwt({ cooldownMs, algorithms, ...rest }: ParsedJwt, found: JwtKey | undefined): JwtConfig {
  // Never a route that is open because its key was lost on the way.
  if (found === undefined) throw new Error('expected a key for every auth that has passed the checks, got none');
  const key = found.key.type === 'jwks' ? { ...found.key, cooldownMs } : found.key;
  return { ...rest, key, algorithms: algorithms ?? found.algorithms.slice(0, 1) };
}

function namePools(
  pools: Readonly<Record<string, ParsedPool>>,
  placeOf: (name: string) => TlsPlace,
): Record<string, PoolConfig> {
  const named = Object.entries(pools).map(([name, pool]) => {
    return [name, { name, ...pool, tls: pool.tls && resolvePoolTls(pool.tls, placeOf(name)) }] as const;
  });
  return Object.fromEntries(named);
}
