/** What each level of overload means for the parts of a worker. */
import { CloseCode } from '@holdfast/protocol';
import type { OverloadConfig } from '../config-capacity.js';
import type { Traffic } from '../observe/traffic.js';
import type { KeepAlive } from '../relay/keep-alive.js';
import type { RelayLink } from '../relay/relay-link.js';
import type { Session } from '../session/session.js';
import type { Sessions } from '../session/sessions.js';
import type { OverloadLevel } from './level.js';
import { Overload, type OverloadDeps } from './overload.js';
import { largestBuffers } from './shed.js';

export interface OverloadParts {
  readonly config: () => OverloadConfig;
  readonly lagMs: () => number;
  readonly links: ReadonlySet<RelayLink>;
  readonly keepAlive: KeepAlive;
  readonly sessions: Sessions;
  readonly traffic: Traffic;
  readonly log: OverloadDeps['log'];
}

const SHORTENED = 0.5;
const TOO_SLOW = 'the balancer is short of memory';
const DETAIL = 'limit: overload_buffers';

export function createOverload(parts: OverloadParts): Overload {
  const { config, lagMs, sessions, log } = parts;
  return new Overload({
    config,
    lagMs,
    log,
    workers: () => sessions.workersHere,
    onLevel: (level) => apply(parts, level),
    shed: () => shed(parts),
  });
}

function apply({ keepAlive, sessions }: OverloadParts, level: OverloadLevel): void {
  const idleShare = level >= 1 ? SHORTENED : 1;
  keepAlive.idleShare = idleShare;
  sessions.idleShare = idleShare;
  sessions.admission.isClosedToNew = level >= 2;
}

/** A subscriber of topics is silenced and catches up from their history; whoever is slow in anything else is ended. */
function shed({ links, sessions, traffic }: OverloadParts): void {
  for (const connection of largestBuffers([...links, ...sessions.all])) {
    traffic.boundHit('overload_buffers');
    if (!isSession(connection)) connection.letGo(CloseCode.TryAgainLater, TOO_SLOW, DETAIL);
    else if (!sessions.silence(connection)) connection.cut(CloseCode.TryAgainLater, DETAIL);
  }
}

function isSession(connection: RelayLink | Session): connection is Session {
  return 'origin' in connection;
}
