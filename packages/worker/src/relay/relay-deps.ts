/**
 * What the relays work with, made once per worker, and what is known of a request by the time one takes it over.
 */
import type { Affinity } from '../affinity/affinity.js';
import type { Gate } from '../access/gate.js';
import type { PoolConfig } from '../config.js';
import type { AccessLog, AccessRecord } from '../observe/access-log.js';
import type { RequestTimes } from '../observe/request-times.js';
import type { Traffic } from '../observe/traffic.js';
import type { Pools } from '../pool/pools.js';
import type { ClientInfo } from '../routing/trust.js';
import type { KeepAlive } from './keep-alive.js';
import type { RelayLink } from './relay-link.js';
import type { HttpUpstreams } from './http-upstreams.js';

export interface RelayDeps {
  readonly pools: Pools;
  readonly affinity: Affinity;
  readonly gate: Gate;
  readonly upstreams: HttpUpstreams;
  readonly traffic: Traffic;
  readonly requestTimes: RequestTimes;
  readonly keepAlive: KeepAlive;
  readonly accessLog: AccessLog;
  readonly random: () => number;
  /** Open WebSockets, in the order in which they came. */
  readonly links: Set<RelayLink>;
  readonly nextLinkNumber: () => number;
}

export interface Incoming {
  readonly client: ClientInfo;
  readonly record: AccessRecord;
  readonly pool: PoolConfig;
}
