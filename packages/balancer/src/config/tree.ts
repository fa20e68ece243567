/**
 * Walks the nodes of a YAML document and makes plain values of them, noting where each stands. Maps become objects
 * without prototype, so that no key of the file can mean anything to JavaScript. Two bounds: the number of values,
 * since aliases of aliases grow exponentially out of a few lines, and the depth, since an alias can hold itself.
 */
import { type Alias, isAlias, isMap, isScalar, isSeq, type Node, type Pair, type Scalar, type YAMLMap } from 'yaml';
import { expandEnv } from './env.js';
import { pathKey, type Positions } from './positions.js';
import type { Finding, Path } from './types.js';

export interface TreeContext {
  readonly positions: Positions;
  readonly env: NodeJS.ProcessEnv;
  readonly anchors: ReadonlyMap<Alias, Node>;
}

export interface Tree {
  readonly value: unknown;
  readonly findings: readonly Finding[];
  readonly wholeReferences: ReadonlySet<string>;
  readonly secrets: ReadonlySet<string>;
}

const MAX_VALUES = 100_000;
const MAX_DEPTH = 32;

interface Walk extends TreeContext {
  readonly findings: Finding[];
  readonly wholeReferences: Set<string>;
  readonly secrets: Set<string>;
  values: number;
  /** A bound was hit: nothing further is read, since the rest of an alias bomb is more of the same. */
  isOver: boolean;
}

type Merged = Record<string, unknown>;

export function readTree(root: unknown, context: TreeContext): Tree {
  const walk: Walk = {
    ...context,
    findings: [],
    wholeReferences: new Set(),
    secrets: new Set(),
    values: 0,
    isOver: false,
  };
  const value = toValue(root, { path: [], key: undefined, depth: 0 }, walk);
  const { findings, wholeReferences, secrets } = walk;
  return { value: walk.isOver ? undefined : value, findings, wholeReferences, secrets };
}

interface Place {
  readonly path: Path;
  /** Offset of the key that leads here; undefined for the root and for items of lists. */
  readonly key: number | undefined;
  /** Steps from the root, aliases included. */
  readonly depth: number;
}

function toValue(node: unknown, place: Place, walk: Walk): unknown {
  const offset = offsetOf(node) ?? place.key;
  if (offset !== undefined) walk.positions.set(place.path, { key: place.key, value: offset });
  if (!isWithinBounds(place, walk)) return undefined;
  if (isAlias(node)) return aliasValue(node, place, walk);
  if (isMap(node)) return mapValue(node, place, walk);
  if (isSeq(node)) {
    return node.items.map((item, index) =>
      toValue(item, { path: [...place.path, index], key: undefined, depth: place.depth + 1 }, walk),
    );
  }
  return isScalar(node) ? scalarValue(node, place.path, walk) : null;
}

/** Counts one step of the walk: a value, an alias or a merge. */
function isWithinBounds({ path, depth }: Place, walk: Walk): boolean {
  if (walk.isOver) return false;
  walk.values += 1;
  walk.isOver = walk.values > MAX_VALUES || depth > MAX_DEPTH;
  if (walk.values > MAX_VALUES) report(walk, [], `at most ${MAX_VALUES} values`, 'more, counting aliases');
  else if (depth > MAX_DEPTH) report(walk, path, `at most ${MAX_DEPTH} levels of maps, lists and aliases`, 'more');
  return !walk.isOver;
}

function aliasValue(alias: Alias, place: Place, walk: Walk): unknown {
  const target = walk.anchors.get(alias);
  if (target !== undefined) return toValue(target, { ...place, depth: place.depth + 1 }, walk);
  return report(walk, place.path, `an anchor &${alias.source} above`, `*${alias.source} without one`);
}

function mapValue(map: YAMLMap, place: Place, walk: Walk): Merged {
  const result: Merged = Object.create(null) as Merged;
  const merges: unknown[] = [];
  const firsts = new Map<string, number>();
  for (const pair of map.items) {
    if (isMergeKey(pair)) merges.push(pair.value);
    else addPair(pair, { result, place, firsts }, walk);
  }
  // Merged keys never win over those that stand in the map itself, wherever the `<<` stands.
  for (const merge of merges) mergeInto(result, merge, place, walk);
  return result;
}

interface MapInProgress {
  readonly result: Merged;
  readonly place: Place;
  /** Key → its offset. */
  readonly firsts: Map<string, number>;
}

function addPair(pair: Pair, { result, place, firsts }: MapInProgress, walk: Walk): void {
  const name = keyName(pair.key, walk);
  const offset = offsetOf(pair.key) ?? 0;
  const path = [...place.path, name ?? ''];
  if (name === undefined || name === '__proto__') {
    walk.findings.push({
      path: place.path,
      on: 'value',
      offset,
      expected: 'a plain text as key',
      got: name ?? 'something else',
    });
    return;
  }
  const first = firsts.get(name);
  if (first !== undefined) {
    const got = `a second one (the first is on line ${walk.positions.at(first).line})`;
    walk.findings.push({ path, on: 'key', offset, expected: 'every key once', got });
    return;
  }
  firsts.set(name, offset);
  result[name] = toValue(pair.value, { path, key: offset, depth: place.depth + 1 }, walk);
}

function mergeInto(result: Merged, source: unknown, place: Place, walk: Walk): void {
  // Counted like a value: merges of merges grow exponentially without a single value of their own.
  if (!isWithinBounds(place, walk)) return;
  const node = isAlias(source) ? walk.anchors.get(source) : source;
  if (isSeq(node)) {
    for (const item of node.items) if (!isSeq(item)) mergeInto(result, item, place, walk);
    return;
  }
  if (!isMap(node)) {
    const offset = offsetOf(source) ?? 0;
    walk.findings.push({ path: place.path, on: 'value', offset, expected: 'a map to merge', got: 'something else' });
    return;
  }
  const own = new Set(Object.keys(result));
  const unmerged = node.items.filter((pair) => !own.has(keyName(pair.key, walk) ?? ''));
  const part = { items: unmerged } as YAMLMap;
  Object.assign(result, mapValue(part, { ...place, depth: place.depth + 1 }, walk));
}

function scalarValue({ value }: Scalar, path: Path, walk: Walk): unknown {
  if (value === null || typeof value === 'number' || typeof value === 'boolean') return value;
  if (typeof value !== 'string') return report(walk, path, 'a text, a number, true or false', 'binary data');
  const { text, isWhole, isSecret, problem } = expandEnv(value, walk.env);
  if (isWhole) walk.wholeReferences.add(pathKey(path));
  if (isSecret) walk.secrets.add(pathKey(path));
  if (problem?.kind === 'unset') {
    const { variable } = problem;
    report(walk, path, `the environment variable ${variable}, or a default (\${${variable}:-…})`, `${variable} unset`);
  } else if (problem?.kind === 'malformed') {
    walk.findings.push({ path, on: 'value', expected: '${NAME} or ${NAME:-default} ($${ for a literal ${)' });
  }
  return text;
}

function report(walk: Walk, path: Path, expected: string, got: string): undefined {
  walk.findings.push({ path, on: 'value', expected, got });
}

function keyName(key: unknown, walk: Walk): string | undefined {
  const node = isAlias(key) ? walk.anchors.get(key) : key;
  return isScalar(node) && typeof node.value === 'string' ? node.value : undefined;
}

/** Only a bare `<<`; in quotes it is a key like any other. */
function isMergeKey({ key }: Pair): boolean {
  return isScalar(key) && key.value === '<<' && key.type === 'PLAIN';
}

function offsetOf(node: unknown): number | undefined {
  return (node as Node | null | undefined)?.range?.[0];
}
