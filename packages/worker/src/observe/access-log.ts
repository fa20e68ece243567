/**
 * One JSON line per connection or request, at its end. Durations are apart, so that "slow" can be told from "far" and
 * from "waiting for us", and a WebSocket's hours never mix with an HTTP latency (traefik#2905).
 */
import type { Logger } from 'pino';
import type { ClientInfo } from '../routing/trust.js';
import { headerOf, type DownstreamRequest } from '../listener/downstream-request.js';
import type { ClosedBy, HandshakeResult } from './outcomes.js';

export class AccessRecord {
  readonly id: string;
  readonly #startedAt = performance.now();
  #marks = { queue: 0, connect: 0, handshake: 0 };
  route: string | undefined;
  pool: string | undefined;
  backend: string | undefined;
  /** Backends tried, the one that answered included. */
  attempts = 0;

  constructor(id: string) {
    this.id = id;
  }

  /** A backend was chosen. What came before the first is queueing: routing, limits, stickiness look-ups. */
  markTried(backendId: string): void {
    if (this.attempts === 0) this.#marks.queue = performance.now() - this.#startedAt;
    this.attempts += 1;
    this.backend = backendId;
  }

  markConnected(tookMs: number): void {
    this.#marks.connect = tookMs;
  }

  /** From the connection to the backend to its answer. */
  markAnswered(tookMs: number): void {
    this.#marks.handshake = tookMs;
  }

  get elapsedMs(): number {
    return performance.now() - this.#startedAt;
  }

  fields(request: DownstreamRequest, client: ClientInfo): Record<string, unknown> {
    return {
      requestId: this.id,
      client: client.address,
      peer: request.remoteAddress,
      method: request.method,
      host: headerOf(request, 'host'),
      // Without the query: tokens travel there.
      path: request.path,
      route: this.route,
      pool: this.pool,
      backend: this.backend,
      attempts: this.attempts,
      queueMs: round(this.#marks.queue),
      connectMs: round(this.#marks.connect),
      handshakeMs: round(this.#marks.handshake),
      totalMs: round(this.elapsedMs),
    };
  }
}

/** Of a connection that was never opened. */
export const NOTHING_PASSED = { messagesUp: 0, messagesDown: 0, bytesUp: 0, bytesDown: 0 } as const;

export interface WebSocketEnd {
  readonly handshake: HandshakeResult;
  /** Status of the handshake's answer; 0 when there was none. */
  readonly status: number;
  readonly messagesUp: number;
  readonly messagesDown: number;
  readonly bytesUp: number;
  readonly bytesDown: number;
  readonly closeCode?: number;
  readonly closeReason?: string;
  readonly closedBy?: ClosedBy;
  /** What went wrong, for people; never sent to a client. */
  readonly detail?: string | undefined;
  // Of a session's connection.
  readonly sessionId?: string | undefined;
  readonly resumed?: boolean;
  /** How often the session changed its backend meanwhile. */
  readonly rehomes?: number;
}

export interface HttpEnd {
  /** 0 when the client left before an answer. */
  readonly status: number;
  readonly bytesUp: number;
  readonly bytesDown: number;
  readonly isAborted: boolean;
  readonly detail?: string | undefined;
}

export interface AccessLog {
  webSocket(record: AccessRecord, request: DownstreamRequest, client: ClientInfo, end: WebSocketEnd): void;
  http(record: AccessRecord, request: DownstreamRequest, client: ClientInfo, end: HttpEnd): void;
}

export function createAccessLog(log: Logger, isEnabled: () => boolean): AccessLog {
  const write = (kind: string, fields: Record<string, unknown>, end: object): void => {
    if (isEnabled()) log.info({ kind, ...fields, ...end }, 'access');
  };
  return {
    webSocket: (record, request, client, end) => write('websocket', record.fields(request, client), end),
    http: (record, request, client, end) => write('http', record.fields(request, client), end),
  };
}

function round(ms: number): number {
  return Math.round(ms * 100) / 100;
}
