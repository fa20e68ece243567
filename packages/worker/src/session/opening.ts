/** The body of `open`: who the session is, and what its next backend has to know of it. */
import type { ClientCounters, OpenCause, SessionCounters } from '@holdfast/protocol';
import { readRequest } from './describe-request.js';
import type { Session } from './session.js';

export interface OpenHow {
  readonly cause: OpenCause;
  /** Absent: the client tells by `resync`. */
  readonly client?: ClientCounters | undefined;
  readonly counters?: SessionCounters | undefined;
  readonly state?: string | undefined;
  readonly checkpoint?: { readonly handled: number; readonly state: string } | undefined;
}

/** Of a client that has and keeps nothing. */
export const NEW_CLIENT: ClientCounters = { received: 0, lowest: 1, sent: 0 };

export function openBody(session: Session, { cause, client, counters, state, checkpoint }: OpenHow): object {
  // Each by its name: V8 gives a spread object a hidden class of its own, 3 kB per session until the next full collection.
  const { path, query, headers, address, principal, claims } = readRequest(session.request);
  return {
    path,
    query,
    headers,
    address,
    principal,
    claims,
    session: session.id,
    generation: session.generation,
    cause,
    plain: session.isPlain,
    windowMs: session.pool.config.session?.resumeWindowMs ?? 0,
    // A plain client counts nothing.
    client: session.isPlain ? undefined : client,
    counters,
    state,
    checkpoint,
  };
}
