/**
 * How mistakes are told: `file:line:column: path: expected …, got …`, the form that editors and terminals turn
 * into links. Values are shown, cut to what fits on a line, but never what may be a secret.
 */
import { formatPath, type Position, pathKey } from './positions.js';
import type { Finding, Mistake, Path } from './types.js';
import type { ReadDocument } from './document.js';
import { valueAt } from './view.js';

const MAX_SHOWN = 60;
/** A file with more is not one that somebody wrote; fixing these shows the next. */
const MAX_MISTAKES = 1000;
const SECRET_KEYS: ReadonlySet<unknown> = new Set(['secret', 'token']);

export function formatMistake(mistake: Mistake): string {
  const { file, line, column, path, expected, got, hint } = mistake;
  const suggestion = hint === undefined ? '' : ` (did you mean ${JSON.stringify(hint)}?)`;
  return `${file}:${line}:${column}: ${path}: expected ${expected}, got ${got}${suggestion}`;
}

/** In the order of the file, one per place: what was found first there is the cause, the rest follows from it. */
export function toMistakes(file: string, document: ReadDocument, findings: readonly Finding[]): Mistake[] {
  const causes = firstBy(findings, ({ offset, path }) => `${offset ?? ''} ${pathKey(path)}`);
  const mistakes = causes.map((finding) => ({ ...toMistake(file, document, finding), key: finding.path.at(-1) }));
  // What stands under an anchor is read once for each alias; its mistakes are told once.
  const once = firstBy(mistakes, ({ line, column, expected, got, key }) =>
    JSON.stringify([line, column, expected, got, key]),
  );
  return once
    .map(({ key: _key, ...mistake }) => mistake)
    .sort(byPosition)
    .slice(0, MAX_MISTAKES);
}

/** A value as a person would name it; `isSecret`: only its kind and length. */
export function describeValue(value: unknown, isSecret = false): string {
  if (value === undefined || value === null) return 'nothing';
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : `a list of ${value.length}`;
  if (typeof value === 'object') return describeMap(Object.keys(value));
  if (isSecret) return `a ${typeof value === 'string' ? 'text' : typeof value} of ${String(value).length} characters`;
  return typeof value === 'string' ? quote(value) : String(value);
}

export function quote(text: string): string {
  return cut(JSON.stringify(withoutPassword(text)));
}

function describeMap(keys: readonly string[]): string {
  return keys.length === 0 ? 'an empty map' : cut(`a map with ${keys.join(', ')}`);
}

function toMistake(file: string, document: ReadDocument, finding: Finding): Mistake {
  const { path, on, expected, hint, offset } = finding;
  const { line, column } = offset === undefined ? document.positions.find(path, on) : document.positions.at(offset);
  const got = finding.got ?? describeValue(valueAt(document.value, path), isSecretPath(path, document));
  const suggestion = hint === undefined ? {} : { hint };
  return { file, line, column, path: formatPath(path), expected, got, ...suggestion };
}

function isSecretPath(path: Path, { secrets }: ReadDocument): boolean {
  return path.some((key) => SECRET_KEYS.has(key)) || secrets.has(pathKey(path));
}

function withoutPassword(text: string): string {
  return text.replace(/\/\/\S*@/, '//…@');
}

function firstBy<T>(all: readonly T[], keyOf: (item: T) => string): T[] {
  const firsts = new Map<string, T>();
  for (const item of all) {
    const key = keyOf(item);
    if (!firsts.has(key)) firsts.set(key, item);
  }
  return [...firsts.values()];
}

function cut(text: string): string {
  return text.length <= MAX_SHOWN ? text : `${text.slice(0, MAX_SHOWN - 1)}…`;
}

function byPosition(a: Position, b: Position): number {
  return a.line - b.line || a.column - b.column;
}
