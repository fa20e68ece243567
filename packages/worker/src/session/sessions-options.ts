/** What the sessions of a worker are given: once, by a reload, and when the worker stops. */
import type { SharedState } from '@holdfast/state';
import type { TopicRule } from '../config.js';
import type { Traffic } from '../observe/traffic.js';
import type { Pool } from '../pool/pool.js';
import type { Broadcast } from '../topic/broadcast.js';
import type { DialTrunk } from '../trunk/transport.js';
import type { SessionLog, SessionParts } from './session-parts.js';
import type { CapacitySettings } from './standing.js';

export interface SessionsOptions {
  readonly state: SharedState;
  readonly dial: DialTrunk;
  readonly traffic: Traffic;
  readonly broadcast: Broadcast;
  readonly verifier: SessionParts['verifier'];
  readonly limits: SessionParts['limits'];
  /** Names this machine: the same for all its workers. */
  readonly balancer: string;
  /** Of this worker, for its lease. @default '' */
  readonly version?: string;
  /** Relayed ones, for its lease. @default none */
  readonly connections?: () => number;
  readonly log: SessionLog;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  /** Unpredictable. */
  readonly randomBytes: (bytes: number) => Uint8Array;
}

export interface SessionsDrain {
  readonly deadlineMs: number;
  /** Over how long the clients are to leave. */
  readonly windowMs: number;
  /** Requests and handshakes that are not answered yet: sessions may come of them. */
  readonly pending: () => number;
  /** There are other workers for them on this machine. */
  readonly hasSuccessors: boolean;
}

/** What a reload may change. */
export interface SessionSettings extends CapacitySettings {
  readonly pools: Iterable<Pool>;
  /** The first signs, all verify; never empty. */
  readonly secrets: readonly string[];
  readonly maxMessageBytes: number;
  readonly topics: readonly TopicRule[];
}
