/**
 * What only one kind of pool has: settings of sessions on a relay pool and of relays on a session pool, and what a
 * route or the whole file must or must not have because of the kind of a pool. Part of the checks across keys; a
 * setting without effect is a mistake here, because who writes it relies on it.
 */
import { quote } from './mistake.js';
import { SESSION_KEYS } from './schema-pool.js';
import type { Finding, Path } from './types.js';
import { parseSize } from './units.js';
import { asText, child, entries, isMap, items } from './view.js';

/** The trunk protocol's largest message. */
const MAX_TRUNK_MESSAGE_BYTES = 16 * 1_048_576;

/** Why a session pool does without them. */
const RELAY_KEYS: readonly (readonly [path: readonly string[], why: string])[] = [
  [['sticky'], 'a session stays with its backend anyway'],
  [['proxyProtocol'], 'its trunks carry many clients'],
  [['timeouts', 'handshake'], 'no client waits for a handshake of a backend'],
  [['timeouts', 'idle'], 'its clients have `limits.idle` of their route, its trunks a heartbeat of their own'],
  [['timeouts', 'drain'], 'its sessions are handed over to another backend'],
  [['timeouts', 'response'], 'it takes no HTTP requests'],
];

type Kind = 'relay' | 'session';

export function checkKinds(root: unknown): Finding[] {
  const pools = entries(child(root, 'pools'));
  return [
    ...pools.flatMap(([name, pool]) => misplacedKeys(pool, ['pools', name])),
    ...pools.flatMap(([name, pool]) => idleTls(pool, ['pools', name, 'tls'])),
    ...items(child(root, 'routes')).flatMap((route, index) => routeFindings(root, route, ['routes', index])),
    ...missingSecret(root, pools),
  ];
}

/** undefined for no kind at all, which the schema tells. */
function kindOf(pool: unknown): Kind | undefined {
  if (!isMap(pool)) return undefined;
  const kind = child(pool, 'kind') ?? 'relay';
  return kind === 'relay' || kind === 'session' ? kind : undefined;
}

function misplacedKeys(pool: unknown, path: Path): Finding[] {
  const kind = kindOf(pool);
  if (kind === 'relay') {
    const given = SESSION_KEYS.filter((key) => child(pool, key) !== undefined);
    const expected = '`kind: session` beside it, since only session pools have this setting';
    return given.map((key) => ({ path: [...path, key], on: 'key', expected, got: 'a relay pool' }));
  }
  if (kind === undefined) return [];
  const given = RELAY_KEYS.filter(([keys]) => keys.reduce(child, pool) !== undefined);
  return given.map(([keys, why]) => ({
    path: [...path, ...keys],
    on: 'key',
    expected: `no ${keys.join('.')} on a session pool (${why})`,
    got: 'one',
  }));
}

function idleTls(pool: unknown, path: Path): Finding[] {
  if (child(pool, 'tls') === undefined) return [];
  const backends = child(pool, 'backends');
  const urls = items(backends).map((backend) => asText(backend) ?? asText(child(backend, 'url')) ?? '');
  const isPlain = Array.isArray(backends)
    ? urls.every((url) => /^(http|ws):/i.test(url))
    : isMap(backends) && (child(backends, 'scheme') ?? 'http') === 'http';
  if (!isPlain) return [];
  return [{ path, on: 'key', expected: 'a backend that is spoken to over TLS (https: or wss:)', got: 'none' }];
}

function routeFindings(root: unknown, route: unknown, path: Path): Finding[] {
  const pool = asText(child(route, 'pool'));
  const kind = pool === undefined ? undefined : kindOf(child(child(root, 'pools'), pool));
  if (pool === undefined || kind === undefined) return [];
  return kind === 'relay' ? [] : [...principalHeader(route, pool, path), ...tooLargeMessages(route, path)];
}

function principalHeader(route: unknown, pool: string, path: Path): Finding[] {
  if (child(child(route, 'auth'), 'principalHeader') === undefined) return [];
  const expected = 'a relay pool behind it: the backends of a session pool get the principal with each session';
  return [{ path: [...path, 'auth', 'principalHeader'], on: 'key', expected, got: `session pool ${quote(pool)}` }];
}

function tooLargeMessages(route: unknown, path: Path): Finding[] {
  const given = child(child(route, 'limits'), 'messageBytes');
  const bytes = parseSize(String(given));
  if (bytes === undefined || bytes <= MAX_TRUNK_MESSAGE_BYTES) return [];
  const expected = 'a size up to 16MiB, the largest message of a session pool';
  return [{ path: [...path, 'limits', 'messageBytes'], on: 'value', expected }];
}

/** A made-up one would be known to nobody else. */
function missingSecret(root: unknown, pools: readonly [string, unknown][]): Finding[] {
  const hasSecret = (child(root, 'secret') ?? undefined) !== undefined;
  const needs = pools.find(([, pool]) => kindOf(pool) === 'session');
  if (hasSecret || needs === undefined) return [];
  const expected = `a secret that the backends of session pool ${quote(needs[0])} know too: it signs trunks and resume tokens`;
  return [{ path: ['secret'], on: 'value', expected }];
}
