/** What a relayed connection (relay-link.ts) is made of, and how it ended. */
import type { WebSocket } from 'ws';
import type { RatePair } from '../access/rate-pair.js';
import type { RouteLimits } from '../config.js';
import type { AccessRecord } from '../observe/access-log.js';
import type { ClosedBy } from '../observe/outcomes.js';
import type { Traffic, TrafficCounts } from '../observe/traffic.js';
import type { ClientInfo } from '../routing/trust.js';
import type { KeepAlive } from './keep-alive.js';

/** For reports. */
export interface LinkAbout {
  /** Links that came later have higher ones. */
  readonly number: number;
  readonly counts: TrafficCounts;
  readonly client: ClientInfo;
  readonly record: AccessRecord;
}

export interface LinkOptions extends LinkAbout {
  readonly upstream: WebSocket;
  /** See DialResult. */
  readonly lend: () => void;
  readonly limits: RouteLimits;
  /** In common with other clients. */
  readonly rates: readonly RatePair[];
  /** Longest time without a message in either direction, and for a backend to take what waits for it at the end. */
  readonly idleMs: number;
  /** Of performance.now: the client's credentials run out, and with them the connection. 0: never. */
  readonly knownUntilMs: number;
  readonly traffic: Traffic;
  readonly keepAlive: KeepAlive;
  readonly random: () => number;
  /** Both sides are done. Called once. */
  readonly onEnd: (end: LinkEnd) => void;
}

export interface LinkEnd {
  readonly code: number;
  readonly reason: string;
  readonly closedBy: ClosedBy;
  /** The backend failed: no close frame, or it broke the protocol. */
  readonly isBackendFailure: boolean;
  readonly detail: string | undefined;
}
