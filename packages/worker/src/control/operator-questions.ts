/**
 * What an operator asks of a worker through the admin API, and what it answers: plain data. Lists are asked for in pages of a
 * stable order, so that a worker with a hundred thousand sessions never has to put all of them in one message.
 */

export type OperatorQuestion =
  /** Sessions whose clients are connected here, in the order of their ids. */
  | { readonly what: 'sessions'; readonly filter: SessionFilter; readonly page: Page }
  | { readonly what: 'session'; readonly id: string }
  /** Ends it for good; answered as it was before. */
  | { readonly what: 'closeSession'; readonly id: string; readonly reason: string }
  /** Who has it, by shared state. */
  | { readonly what: 'locate'; readonly id: string }
  /** Relayed WebSockets, in the order of their ids, which is that in which they came. */
  | { readonly what: 'connections'; readonly filter: ConnectionFilter; readonly page: Page }
  | { readonly what: 'connection'; readonly id: string }
  | { readonly what: 'closeConnection'; readonly id: string; readonly code: number; readonly reason: string }
  | { readonly what: 'trunks' }
  /** Every balancer that holds a lease, or did until a short time ago. */
  | { readonly what: 'fleet' };

export type OperatorAnswer =
  | { readonly what: 'sessions'; readonly found: Found<SessionReport> }
  | { readonly what: 'session'; readonly session: SessionDetail | undefined }
  | { readonly what: 'located'; readonly location: SessionLocation }
  | { readonly what: 'connections'; readonly found: Found<ConnectionReport> }
  | { readonly what: 'connection'; readonly connection: ConnectionReport | undefined }
  | { readonly what: 'trunks'; readonly trunks: readonly TrunkReport[] }
  | { readonly what: 'fleet'; readonly fleet: FleetReport };

export interface Page {
  /** Id of the last one of the page before; undefined: from the start. */
  readonly after: string | undefined;
  readonly limit: number;
}

export interface Found<Report> {
  /** Of all that the filter lets through, on whatever page. */
  readonly count: number;
  readonly reports: readonly Report[];
  /** There are further ones behind the last of `reports`. */
  readonly hasMore: boolean;
}

/** A key that is absent, or undefined, lets everything through. */
export interface ConnectionFilter {
  readonly pool?: string | undefined;
  readonly route?: string | undefined;
  readonly backend?: string | undefined;
  readonly address?: string | undefined;
}

export interface SessionFilter extends ConnectionFilter {
  readonly principal?: string | undefined;
  readonly state?: string | undefined;
  readonly kind?: string | undefined;
}

export interface SessionReport {
  readonly id: string;
  readonly pool: string;
  readonly route: string;
  /** null while it has none. */
  readonly backend: string | null;
  readonly state: string;
  readonly kind: 'sdk' | 'plain';
  readonly address: string;
  /** null: nobody in particular. */
  readonly principal: string | null;
  readonly generation: number;
  readonly connectedMs: number;
  readonly isResumed: boolean;
  readonly rehomes: number;
  /** Of this connection, as all counts here; `up` is towards the backend. */
  readonly messagesUp: number;
  readonly messagesDown: number;
}

export interface SessionDetail extends SessionReport {
  readonly bytesUp: number;
  readonly bytesDown: number;
  /** Waiting in this worker. */
  readonly bufferedBytes: { readonly down: number; readonly up: number };
  readonly silentMs: number;
  readonly path: string;
  /** Its backend lost, or asked to leave it, so long ago; null while it has one. */
  readonly withoutBackendMs: number | null;
  /** Of the token that its client would come back with; null: it has none. */
  readonly tokenAgeMs: number | null;
  /** The first hundred, and how many there are. */
  readonly topics: { readonly count: number; readonly names: readonly string[] };
  readonly trunk: TrunkReport | null;
}

export type SessionLocation =
  /** Its client is connected to `worker`, or was when it last claimed the session. */
  | { readonly is: 'known'; readonly session: LocatedSession }
  | { readonly is: 'unknown' }
  /** Shared state did not answer. */
  | { readonly is: 'unavailable'; readonly detail: string };

export interface LocatedSession {
  readonly id: string;
  readonly pool: string;
  readonly backend: string;
  readonly generation: number;
  /** Incarnation of the worker that claimed it last. */
  readonly worker: string;
  /** Whose worker that is; null when no lease of it is left. */
  readonly balancer: string | null;
  /** What its backend wrote down when its client left, or when it stopped; null: nothing, for this generation. */
  readonly parked: ParkedReport | null;
}

export interface ParkedReport {
  readonly handled: number;
  readonly received: number;
  readonly lastDown: number;
  readonly ackedDown: number;
  readonly unacknowledged: number;
  readonly isComplete: boolean;
}

export interface ConnectionReport {
  readonly id: string;
  readonly route: string;
  readonly pool: string;
  readonly backend: string;
  readonly address: string;
  /** As in the access log. */
  readonly requestId: string;
  readonly connectedMs: number;
  readonly messagesUp: number;
  readonly messagesDown: number;
  readonly bytesUp: number;
  readonly bytesDown: number;
  readonly bufferedBytes: { readonly down: number; readonly up: number };
}

/** Of one worker and one backend. */
export interface TrunkReport {
  readonly pool: string;
  readonly backend: string;
  readonly state: 'ready' | 'draining' | 'connecting' | 'lost' | 'leaving';
  /** Of the last heartbeat; null before the first. */
  readonly rttMs: number | null;
  readonly sessions: number;
  readonly bufferedBytes: number;
  /** Trunks that were lost after they had stood. */
  readonly losses: number;
}

export interface FleetReport {
  /** Of the machine that is asked. */
  readonly self: string;
  /** Since the leases were last read. */
  readonly ageMs: number;
  readonly balancers: readonly BalancerReport[];
}

export interface BalancerReport {
  /** Host name and process id. */
  readonly balancer: string;
  /** lost: its leases ran out without a word. */
  readonly status: 'ready' | 'draining' | 'lost';
  /** null: it does not say. */
  readonly version: string | null;
  readonly workers: number;
  readonly sessions: number;
  readonly connections: number;
  /** Since one of its leases was last seen to be held. */
  readonly seenMs: number;
}
