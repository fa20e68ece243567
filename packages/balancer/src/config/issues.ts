/**
 * From the issues of the validation library to findings. Messages are ours throughout: the blocks of
 * schema-parts.ts bring theirs, and `expectedOf` covers what they leave out. Alternatives (a text or a map) are
 * settled here: the one whose kind the value has is what was meant, and its mistakes are what is told.
 */
import type { z } from 'zod';
import { quote } from './mistake.js';
import { nearest } from './nearest.js';
import type { Finding, Path } from './types.js';
import { valueAt } from './view.js';

export interface SchemaFinding extends Finding {
  /** A number or a boolean would have been right here, so an expanded `${…}` may be converted. */
  readonly wantsConversion: boolean;
}

type Issue = z.core.$ZodIssue;

const KINDS: Readonly<Record<string, string>> = {
  object: 'a map',
  record: 'a map',
  array: 'a list',
  string: 'a text',
  int: 'a whole number',
  number: 'a number',
  boolean: 'true or false',
};
const CONVERTIBLE: ReadonlySet<string> = new Set(['number', 'int', 'boolean']);

/** The error map of a parse: only called where a schema brings no message. */
export function expectedOf(issue: z.core.$ZodRawIssue): string {
  if (issue.code === 'invalid_type') return KINDS[issue.expected] ?? 'another kind of value';
  if (issue.code === 'invalid_value') return `one of ${issue.values.map(String).join(', ')}`;
  return 'another value';
}

export function toFindings(issues: readonly Issue[], root: unknown): SchemaFinding[] {
  return issues.flatMap((issue) => fromIssue(issue, [], root));
}

function fromIssue(issue: Issue, base: Path, root: unknown): SchemaFinding[] {
  const path = [...base, ...issue.path.map((key) => (typeof key === 'number' ? key : String(key)))];
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.map((key) => unknownKey(key, issue.message, path));
    case 'invalid_union':
      return fromAlternatives(issue, path, root);
    case 'invalid_key':
      return [keyFinding(path, issue.issues[0]?.message ?? 'another name')];
    default:
      return [valueFinding(issue, path, root)];
  }
}

/** `known` is the message of `map` in schema-parts.ts: the keys of that level. */
function unknownKey(key: string, known: string, parent: Path): SchemaFinding {
  const finding = keyFinding([...parent, key], `one of ${known}`);
  const hint = nearest(key, known.split(', '));
  return hint === undefined ? finding : { ...finding, hint };
}

function keyFinding(path: Path, expected: string): SchemaFinding {
  return { path, on: 'key', expected, got: quote(String(path.at(-1))), wantsConversion: false };
}

function fromAlternatives(
  issue: Extract<Issue, { code: 'invalid_union' }>,
  path: Path,
  root: unknown,
): SchemaFinding[] {
  const meant = issue.errors.filter((errors) => !errors.some(isOtherKind));
  const [only] = meant;
  if (only !== undefined && meant.length === 1) return only.flatMap((error) => fromIssue(error, path, root));
  const rejected = issue.errors.flat();
  const wantsConversion = rejected.some((error) => isOtherKind(error) && wantsConverted(error));
  const allowed = rejected.flatMap((error) =>
    error.code === 'invalid_value' && isOtherKind(error) ? error.values : [],
  );
  return [{ path, on: 'value', expected: issue.message, wantsConversion, ...hintFor(valueAt(root, path), allowed) }];
}

/** Not the alternative that was meant: the value as a whole has another kind, or is another word. */
function isOtherKind(issue: Issue): boolean {
  return issue.path.length === 0 && (issue.code === 'invalid_type' || issue.code === 'invalid_value');
}

function valueFinding(issue: Issue, path: Path, root: unknown): SchemaFinding {
  const got: unknown = issue.code === 'custom' ? issue.params?.['got'] : undefined;
  const hint = issue.code === 'invalid_value' ? hintFor(valueAt(root, path), issue.values) : {};
  const wantsConversion = wantsConverted(issue);
  const finding = { path, on: 'value', expected: issue.message, wantsConversion, ...hint } as const;
  return typeof got === 'string' ? { ...finding, got } : finding;
}

function hintFor(value: unknown, allowed: readonly unknown[]): { hint?: string } {
  if (typeof value !== 'string') return {};
  const hint = nearest(
    value,
    allowed.filter((word) => typeof word === 'string'),
  );
  return hint === undefined ? {} : { hint };
}

function wantsConverted(issue: Issue): boolean {
  if (issue.code === 'invalid_type') return CONVERTIBLE.has(issue.expected);
  return issue.code === 'invalid_value' && issue.values.some((value) => typeof value !== 'string');
}
