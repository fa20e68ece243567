/** Events of a session: plain objects with a `type`. */
import type { LostRange } from '@holdfast/protocol';
import type { ClientError } from './errors.js';
import type { Payload } from './payload.js';
import type { TopicMessage } from './topic-events.js';

/** connecting: a try is under way; suspended: waiting for the next one. */
export type SessionState = 'connecting' | 'open' | 'suspended' | 'closed';

export interface StateChange {
  readonly state: SessionState;
  /** Until the next try, while suspended. */
  readonly retryInMs: number | undefined;
  /** Number of the try that is under way or next, since the last connection that held for 5 s. */
  readonly attempt: number;
  /** How the last connection, or try at one, ended. */
  readonly cause: { readonly code: number; readonly reason: string } | undefined;
}

export interface SessionEvents {
  /** With `topic` and `offset`: of a topic that the backend had the session join, and that nobody subscribed to here. */
  message: { readonly type: 'message'; readonly data: string | ArrayBuffer | Blob } & Partial<
    Pick<TopicMessage, 'topic' | 'offset'>
  >;
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
  /** The backend had the session join a topic; again with each connection, and whenever messages of it are missing. */
  joined: {
    readonly type: 'joined';
    readonly topic: string;
    /** Nothing is missing since the last message that came. */
    readonly recovered: boolean;
    readonly epoch: string;
    /** The next message is the one after this. */
    readonly offset: number;
  };
  /** The backend had the session leave that topic. */
  left: { readonly type: 'left'; readonly topic: string };
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
