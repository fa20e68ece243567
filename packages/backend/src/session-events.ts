/** What a session tells its application, and why sessions begin and end. */
import type { OpenCause } from '@holdfast/protocol';

export interface SessionEvents {
  /** The client is back, over a new connection. */
  attached: readonly [];
  /** The client's connection is lost, or the trunk that led to it: the session waits for it. */
  detached: readonly [SessionEnd];
  /** There is room again after a `send` that was refused. */
  writable: readonly [];
  /** Over, here at least: `code` says why (see the README). */
  close: readonly [SessionEnd];
}

export interface SessionEnd {
  readonly code: number;
  readonly reason: string;
}

/** Of every session that begins here. */
export interface SessionOrigin {
  readonly cause: OpenCause;
}
