/**
 * What is no mistake but probably not meant: a pool without a route, a route that is never reached, a setting
 * without effect. Runs on a configuration that has passed every check.
 */
import type { RouteMatch } from '@holdfast/worker';
import { formatPath } from './positions.js';
import type { ParsedConfig } from './schema.js';
import type { ParsedPool } from './schema-pool.js';
import { coversTopics } from './topic-match.js';
import type { Concern } from './types.js';

export function concernsOf(config: ParsedConfig): Concern[] {
  return [
    ...madeUpSecret(config),
    ...freePorts(config),
    ...shadowedRoutes(config),
    ...unusedPools(config),
    ...routesWithoutUpgrade(config),
    ...idleSettings(config),
    ...cookiesForAnyPage(config),
    ...shadowedTopicRules(config),
    ...topicsWithoutSessions(config),
    ...unverifiedBackends(config),
  ];
}

/** Every request that the later conditions let through, the earlier ones let through, too. */
export function covers(earlier: RouteMatch, later: RouteMatch): boolean {
  return (
    coversHost(earlier.host, later.host) &&
    (earlier.path === '/' || `${later.path}/`.startsWith(`${earlier.path}/`)) &&
    coversValues(earlier.headers, later.headers) &&
    coversValues(earlier.query, later.query) &&
    (earlier.upgrade === undefined || earlier.upgrade === later.upgrade)
  );
}

function coversHost(earlier: string | undefined, later: string | undefined): boolean {
  if (earlier === undefined || earlier === later) return true;
  return (
    later !== undefined &&
    earlier.startsWith('*.') &&
    later.replace(/^\*/, '').endsWith(earlier.slice(1)) &&
    later !== earlier.slice(2)
  );
}

function coversValues(earlier: Readonly<Record<string, string>>, later: Readonly<Record<string, string>>): boolean {
  return Object.entries(earlier).every(([name, value]) => {
    return Object.hasOwn(later, name) && (value === '*' || later[name] === value);
  });
}

/** Browsers send cookies with a WebSocket handshake of any page, and CORS does not hold for those. */
function cookiesForAnyPage({ routes }: ParsedConfig): Concern[] {
  return routes.flatMap(({ auth, origins }, index) => {
    if (auth?.jwt?.cookie === undefined || origins !== undefined) return [];
    const text = 'without `origins`, any page can open WebSockets in the name of whoever visits it';
    return [{ path: ['routes', index, 'auth', 'jwt', 'cookie'], text }];
  });
}

function madeUpSecret({ secrets }: ParsedConfig): Concern[] {
  if (secrets !== undefined) return [];
  const text = 'no secret, so one was made up: signed cookies will not survive a restart nor work on a second balancer';
  return [{ path: ['secret'], text }];
}

function freePorts({ listen, workers }: ParsedConfig): Concern[] {
  if (workers === 1) return [];
  return listen.flatMap(({ port }, index) => {
    return port === 0 ? [{ path: ['listen', index, 'address'], text: 'port 0 gives every worker another port' }] : [];
  });
}

function shadowedRoutes({ routes }: ParsedConfig): Concern[] {
  return routes.flatMap((route, index) => {
    const shadow = routes.slice(0, index).findIndex((earlier) => covers(earlier.match, route.match));
    if (shadow === -1) return [];
    return [
      { path: ['routes', index], text: `never reached: ${formatPath(['routes', shadow])} matches all of it before` },
    ];
  });
}

function unusedPools({ routes, pools }: ParsedConfig): Concern[] {
  const used = new Set(routes.map((route) => route.pool));
  const unused = Object.keys(pools).filter((name) => !used.has(name));
  return unused.map((name) => ({ path: ['pools', name], text: 'no route uses this pool' }));
}

function routesWithoutUpgrade({ routes, pools }: ParsedConfig): Concern[] {
  return routes.flatMap(({ pool, match }, index) => {
    if (match.upgrade !== false || pools[pool]?.session === undefined) return [];
    const text = 'lets no WebSocket through, and a session pool serves nothing else';
    return [{ path: ['routes', index, 'match', 'upgrade'], text }];
  });
}

function idleSettings({ pools }: ParsedConfig): Concern[] {
  return Object.entries(pools).flatMap(([name, pool]) => {
    if (!hasIdleHealthSettings(pool)) return [];
    return [
      { path: ['pools', name, 'health'], text: 'path and expect do nothing here: see `type` (tcp only connects)' },
    ];
  });
}

function shadowedTopicRules({ topics }: ParsedConfig): Concern[] {
  return topics.flatMap(({ match }, index) => {
    const shadow = topics.slice(0, index).findIndex((earlier) => coversTopics(earlier.match, match));
    if (shadow === -1) return [];
    return [
      { path: ['topics', index], text: `never reached: ${formatPath(['topics', shadow])} matches all of it before` },
    ];
  });
}

/** What clients of relay pools say is not read. */
function topicsWithoutSessions({ topics, pools }: ParsedConfig): Concern[] {
  if (topics.length === 0 || Object.values(pools).some(({ session }) => session !== undefined)) return [];
  return [{ path: ['topics'], text: 'no pool has `kind: session`, and no other clients can be on a topic' }];
}

function unverifiedBackends({ pools }: ParsedConfig): Concern[] {
  return Object.entries(pools).flatMap(([name, { tls }]) => {
    if (tls === undefined || tls.verify) return [];
    const text = 'whoever is on the way to the backends can pass for one: name their CA in `ca` instead';
    return [{ path: ['pools', name, 'tls', 'verify'], text }];
  });
}

function hasIdleHealthSettings({ health }: ParsedPool): boolean {
  if (health === undefined || health.type === 'http') return false;
  const hasPath = health.type === 'tcp' && health.path !== '/';
  return hasPath || health.expect.min !== 200 || health.expect.max !== 399;
}
