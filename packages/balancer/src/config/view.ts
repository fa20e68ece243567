/**
 * Looking into data of unknown shape. The checks across keys run on what the file says even where the schema has
 * refused parts of it, so that all mistakes are told at once; for that they look only at what they recognise.
 */
import type { Path } from './types.js';

export function child(value: unknown, key: string | number): unknown {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined;
  return (value as Record<string | number, unknown>)[key];
}

export function valueAt(root: unknown, path: Path): unknown {
  return path.reduce<unknown>(child, root);
}

export function entries(value: unknown): [string, unknown][] {
  return isMap(value) ? Object.entries(value) : [];
}

export function items(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}

export function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function asText(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

/** Puts `value` in the place of what is at `path` already. */
export function replaceAt(root: unknown, path: Path, value: unknown): void {
  const parent = valueAt(root, path.slice(0, -1));
  const key = path.at(-1);
  if (typeof parent !== 'object' || parent === null || key === undefined) return;
  (parent as Record<string | number, unknown>)[key] = value;
}
