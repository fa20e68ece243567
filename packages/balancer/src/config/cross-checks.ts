/**
 * What must be right between values: names that refer to each other, things that may exist once, an admin API that
 * nobody else can reach. These run on the data of the file, not on what the schema made of it, so that they find
 * their mistakes also in a file that has others; what they do not recognise they leave to the schema.
 */
import { formatAddress, isLoopback, parseAddress, parseBackendUrl } from './formats.js';
import { checkKinds } from './kind-checks.js';
import { quote } from './mistake.js';
import { nearest } from './nearest.js';
import { formatPath } from './positions.js';
import type { Finding, Path } from './types.js';
import { asText, child, entries, isMap, items } from './view.js';

/** More names than these in one message hide the message. */
const MAX_LISTED = 20;

export function crossCheck(root: unknown): Finding[] {
  return [
    ...routePools(root),
    ...routeNames(root),
    ...conditions(root),
    ...backendIds(root),
    ...addresses(root),
    ...adminToken(root),
    ...checkKinds(root),
  ];
}

function routePools(root: unknown): Finding[] {
  const pools = child(root, 'pools');
  if (!isMap(pools)) return [];
  const names = Object.keys(pools);
  return items(child(root, 'routes')).flatMap((route, index) => {
    const name = asText(child(route, 'pool'));
    if (name === undefined || Object.hasOwn(pools, name)) return [];
    const expected = names.length === 0 ? 'a pool under `pools`, which is empty' : `a pool: ${listed(names)}`;
    const hint = nearest(name, names);
    return [{ path: ['routes', index, 'pool'], on: 'value', expected, ...(hint === undefined ? {} : { hint }) }];
  });
}

function routeNames(root: unknown): Finding[] {
  const names = items(child(root, 'routes')).map((route, index): Named => {
    return { name: asText(child(route, 'name')), path: ['routes', index, 'name'] };
  });
  return repeated(names, 'a name that no other route has');
}

/** Header names know no case: two that differ only in it would be one condition, and one of them lost. */
function conditions(root: unknown): Finding[] {
  return items(child(root, 'routes')).flatMap((route, index) => {
    const headers = entries(child(child(route, 'match'), 'header'));
    const names = headers.map(([name]): Named => ({
      name: name.toLowerCase(),
      path: ['routes', index, 'match', 'header', name],
    }));
    return repeated(names, 'every header once').map((finding) => ({ ...finding, on: 'key' as const }));
  });
}

function backendIds(root: unknown): Finding[] {
  return entries(child(root, 'pools')).flatMap(([pool, settings]) => {
    const ids = items(child(settings, 'backends')).map((backend, index): Named => {
      const path = ['pools', pool, 'backends', index];
      const id = asText(child(backend, 'id'));
      if (id !== undefined) return { name: id, path: [...path, 'id'] };
      const url = asText(backend) ?? asText(child(backend, 'url'));
      return { name: url === undefined ? undefined : parseBackendUrl(url)?.id, path };
    });
    return repeated(ids, 'an id that no other backend of the pool has');
  });
}

function addresses(root: unknown): Finding[] {
  const listeners = items(child(root, 'listen')).map((listener, index) =>
    addressAt(child(listener, 'address'), ['listen', index, 'address']),
  );
  const admin = addressAt(child(child(root, 'admin'), 'address'), ['admin', 'address']);
  return repeated([...listeners, admin], 'an address that nothing else listens on');
}

/** Port 0 is a different free port each time. */
function addressAt(value: unknown, path: Path): Named {
  const address = typeof value === 'string' || typeof value === 'number' ? parseAddress(value) : undefined;
  return { name: address === undefined || address.port === 0 ? undefined : formatAddress(address), path };
}

function adminToken(root: unknown): Finding[] {
  const admin = child(root, 'admin');
  const value = child(admin, 'address');
  const address = typeof value === 'string' || typeof value === 'number' ? parseAddress(value) : undefined;
  const token = child(admin, 'token');
  const hasToken = token !== undefined && token !== null && token !== '';
  if (address === undefined || hasToken || isLoopback(address.host)) return [];
  const expected = 'a loopback address such as 127.0.0.1:8081, or a token beside it';
  return [
    { path: ['admin', 'address'], on: 'value', expected, got: `${quote(formatAddress(address))} without a token` },
  ];
}

interface Named {
  readonly name: string | undefined;
  readonly path: Path;
}

function repeated(all: readonly Named[], expected: string): Finding[] {
  const firsts = new Map<string, Path>();
  const findings: Finding[] = [];
  for (const { name, path } of all) {
    if (name === undefined) continue;
    const first = firsts.get(name);
    if (first === undefined) firsts.set(name, path);
    else findings.push({ path, on: 'value', expected, got: `${quote(name)}, as ${formatPath(first)} has it` });
  }
  return findings;
}

function listed(names: readonly string[]): string {
  return names.length <= MAX_LISTED ? names.join(', ') : `${names.slice(0, MAX_LISTED).join(', ')}, …`;
}
