/** Events of a session: plain objects with a `type`. */
import type { LostRange } from '@holdfast/protocol';
import type { ClientError } from './errors.js';
import type { StateChange } from './monitor.js';
import type { Payload } from './payload.js';

export interface SessionEvents {
  message: { readonly type: 'message'; readonly data: string | ArrayBuffer | Blob };
  statechange: StateChange & { readonly type: 'statechange' };
  /** The session goes on over a new connection. `lost`: messages of the backend that are gone. */
  resumed: { readonly type: 'resumed'; readonly lost: LostRange | undefined };
  /** The session is lost, and a new one begins, or has begun. */
  reset: { readonly type: 'reset'; readonly lost: LostMessages };
  /** The session has another backend; the connection is the same. */
  rehomed: {
    readonly type: 'rehomed';
    /** failover: the backend before is gone, and messages may reach the new one flagged as redelivered. */
    readonly cause: 'handoff' | 'failover';
    readonly lost: LostRange | undefined;
  };
  /** `send` did not take a message. */
  backpressure: { readonly type: 'backpressure' };
  /** After `backpressure`: there is room again. */
  writable: { readonly type: 'writable' };
  /** Something that a person should look at; the session goes on. */
  error: { readonly type: 'error'; readonly error: ClientError };
  /** For good. `lost.up`: what was never confirmed. */
  close: { readonly type: 'close'; readonly code: number; readonly reason: string; readonly lost: LostMessages };
}

export interface LostMessages {
  /** Of the backend. `to: null`: nobody knows how many. */
  readonly down: LostRange | undefined;
  /** Ours: sent and never confirmed, oldest first. The backend may have handled some of them. */
  readonly up: readonly Payload[];
}
