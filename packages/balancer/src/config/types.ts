/**
 * What loading a configuration gives. The worker's half is the contract of the worker package; here is what only
 * the balancer needs, and how a mistake in the file is told. A mistake is data rather than an exception: a file
 * with five mistakes has five, and all of them are reported at once.
 */
import type { WorkerConfig } from '@holdfast/worker';

export interface BalancerConfig {
  readonly worker: WorkerConfig;
  /** Worker processes: `auto` is resolved to the cores of this machine by the time it arrives here. */
  readonly workers: number;
  /** undefined: no admin server. */
  readonly admin: AdminConfig | undefined;
}

export interface AdminConfig {
  readonly host: string;
  readonly port: number;
  /** Bearer token that every call needs; undefined only on a loopback address. */
  readonly token: string | undefined;
}

export interface Mistake {
  /** As it was given to `loadConfig`. */
  readonly file: string;
  /** From 1. */
  readonly line: number;
  /** From 1, in UTF-16 units like every editor counts. */
  readonly column: number;
  /** `routes[0].match.host`; `(file)` when it is about the file as a whole. */
  readonly path: string;
  readonly expected: string;
  readonly got: string;
  /** The nearest name or value that would have been right. */
  readonly hint?: string;
}

export type LoadResult =
  | { readonly ok: true; readonly config: BalancerConfig; readonly warnings: readonly string[] }
  | { readonly ok: false; readonly mistakes: readonly Mistake[] };

/** Keys from the root of the document to a place in it. */
export type Path = readonly (string | number)[];

/** A mistake before it has a line and a column. */
export interface Finding {
  readonly path: Path;
  /** Whether the key itself is wrong (an unknown one) or what it holds. */
  readonly on: 'key' | 'value';
  readonly expected: string;
  /** Absent: the value at `path`, as `describeValue` tells it. */
  readonly got?: string;
  readonly hint?: string;
  /** Where in the text, when `path` does not say it: the second of two equal keys. */
  readonly offset?: number;
}

/** Something that works, though probably not as meant. */
export interface Concern {
  readonly path: Path;
  readonly text: string;
}
