/**
 * Where in the text of the file each value of the document stands. Kept beside the plain values, not in them: the
 * schema sees ordinary data, and whoever finds a mistake only needs the path to it.
 */
import type { LineCounter } from 'yaml';
import type { Path } from './types.js';

export interface Position {
  readonly line: number;
  readonly column: number;
}

interface Offsets {
  readonly key: number | undefined;
  readonly value: number;
}

export class Positions {
  readonly #offsets = new Map<string, Offsets>();
  readonly #lines: LineCounter;

  constructor(lines: LineCounter) {
    this.#lines = lines;
  }

  set(path: Path, offsets: Offsets): void {
    this.#offsets.set(pathKey(path), offsets);
  }

  /** Of the key or the value at `path`; of something that is missing: of the nearest parent that is there. */
  find(path: Path, on: 'key' | 'value'): Position {
    const exact = this.#offsets.get(pathKey(path));
    if (exact !== undefined) return this.at(on === 'key' ? (exact.key ?? exact.value) : exact.value);
    return path.length === 0 ? { line: 1, column: 1 } : this.find(path.slice(0, -1), 'value');
  }

  at(offset: number): Position {
    const { line, col } = this.#lines.linePos(offset);
    // The counter says line 0 for a text that has no line at all.
    return line === 0 ? { line: 1, column: 1 } : { line, column: col };
  }
}

export function pathKey(path: Path): string {
  return JSON.stringify(path);
}

/** `routes[0].match.host`; names with other characters in brackets: `pools["a b"]`. */
export function formatPath(path: Path): string {
  let text = '';
  for (const key of path) {
    if (typeof key === 'number') text += `[${key}]`;
    else if (/^[\w$-]{1,64}$/.test(key)) text += text === '' ? key : `.${key}`;
    else text += `[${JSON.stringify(key.length > 64 ? `${key.slice(0, 63)}…` : key)}]`;
  }
  return text === '' ? '(file)' : text;
}
