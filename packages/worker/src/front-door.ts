/**
 * Where every request of a client enters: checked, identified, routed, and handed to the relay that serves it. Holds
 * what a reload replaces (routes, trust), so that a request sees one configuration from start to end.
 */
import type { Logger } from 'pino';
import { SESSION_SUBPROTOCOL } from '@holdfast/protocol';
import { knock } from './admission/handshake-entrant.js';
import type { RouteConfig, WorkerConfig } from './config.js';
import type { DownstreamRequest } from './listener/downstream-request.js';
import type { HttpExchange } from './listener/http-exchange.js';
import type { ListenerHandler } from './listener/listener.js';
import { guardRequest } from './listener/request-guard.js';
import type { UpgradeExchange } from './listener/upgrade-exchange.js';
import { AccessRecord, NOTHING_PASSED } from './observe/access-log.js';
import { overloadAnswer, ownAnswer, type OwnStatus } from './relay/answers.js';
import { HttpRelay } from './relay/http-relay.js';
import type { Incoming, RelayDeps } from './relay/relay-deps.js';
import { WebSocketRelay } from './relay/websocket-relay.js';
import { offeredProtocols } from './session/describe-request.js';
import { SessionEntrance } from './session/entrance.js';
import type { Sessions } from './session/sessions.js';
import { requestIdOf } from './routing/request-id.js';
import { Router } from './routing/router.js';
import { ProxyTrust, type ClientInfo } from './routing/trust.js';
import { HeaderRefusals } from './proxy-protocol/refusals.js';

/** Route label of what no route was found for. */
const NO_ROUTE = 'none';

interface Identified {
  readonly client: ClientInfo;
  readonly record: AccessRecord;
}

export interface FrontDoorDeps extends RelayDeps {
  readonly sessions: Sessions;
}

export class FrontDoor implements ListenerHandler {
  readonly #deps: FrontDoorDeps;
  readonly #log: Logger;
  readonly #headerRefusals: HeaderRefusals;
  #router: Router;
  #trust: ProxyTrust;
  #pools: WorkerConfig['pools'];
  #phase: 'open' | 'leaving' | 'shut' = 'open';
  #handshakes = 0;

  constructor(deps: FrontDoorDeps, config: WorkerConfig, log: Logger) {
    this.#deps = deps;
    this.#log = log;
    this.#headerRefusals = new HeaderRefusals(deps.traffic, log);
    this.#router = new Router(config.routes);
    this.#trust = new ProxyTrust(config.trustedProxies);
    this.#pools = config.pools;
  }

  reload(config: WorkerConfig): void {
    this.#router = new Router(config.routes);
    this.#trust = new ProxyTrust(config.trustedProxies);
    this.#pools = config.pools;
  }

  /** What comes on connections that were open is served, and HTTP clients are asked to send the next request elsewhere. */
  leave(): void {
    this.#phase = 'leaving';
  }

  /** What still comes is answered 503 and closed. */
  shut(): void {
    this.#phase = 'shut';
  }

  /** Handshakes that are not answered yet. */
  get handshakesInFlight(): number {
    return this.#handshakes;
  }

  onRequest(exchange: HttpExchange): void {
    if (this.#phase !== 'open') exchange.asksToLeave = true;
    const identified = this.#identify(exchange.request);
    const refusal = guardRequest(exchange.request);
    if (refusal !== undefined) {
      this.#refuse(exchange, identified, refusal.status, refusal.reason);
      return;
    }
    if (this.#phase === 'shut') {
      this.#refuse(exchange, identified, 503, 'draining');
      return;
    }
    const route = this.#router.find(exchange.request, false);
    const pool = route === undefined ? undefined : this.#pools[route.pool];
    if (route === undefined || pool === undefined) {
      this.#refuse(exchange, identified, 404, undefined);
      return;
    }
    const { record, client } = identified;
    record.route = route.name;
    record.pool = route.pool;
    new HttpRelay(this.#deps, exchange, { client, record, pool }, route).run().catch((error: unknown) => {
      this.#failed(error, exchange);
    });
  }

  onUpgrade(exchange: UpgradeExchange): void {
    const { client, record } = this.#identify(exchange.request);
    const refusal = guardRequest(exchange.request);
    const route = refusal === undefined ? this.#router.find(exchange.request, true) : undefined;
    const pool = route === undefined ? undefined : this.#pools[route.pool];
    const isShut = this.#phase === 'shut';
    if (refusal !== undefined || isShut || route === undefined || pool === undefined) {
      const status = refusal?.status ?? (isShut ? 503 : 404);
      exchange.refuse(ownAnswer(status, record.id, refusal?.reason));
      this.#rejected(exchange.request, { client, record }, status, refusal?.reason);
      return;
    }
    record.route = route.name;
    record.pool = route.pool;
    this.#handshakes += 1;
    this.#enter(exchange, { client, record, pool }, route)
      .catch((error: unknown) => this.#failed(error, exchange))
      .finally(() => {
        this.#handshakes -= 1;
      });
  }

  async #enter(exchange: UpgradeExchange, incoming: Incoming, route: RouteConfig): Promise<void> {
    const { sessions, random } = this.#deps;
    // Never before the pool: routes and pools are replaced together.
    const pool = incoming.pool.session && this.#deps.pools.get(route.pool);
    // An SDK client is admitted at its hello: only in the protocol can a browser be told when to come back.
    const isLetInLater = pool !== undefined && offeredProtocols(exchange.request).includes(SESSION_SUBPROTOCOL);
    const delayMs = isLetInLater ? undefined : await knock(sessions.admission);
    if (delayMs !== undefined || exchange.isOver) {
      exchange.refuse(overloadAnswer(incoming.record.id, delayMs ?? 0, random()));
      this.#turnedAway(exchange, incoming, delayMs !== undefined);
      return;
    }
    if (pool === undefined) return new WebSocketRelay(this.#deps, exchange, incoming, route).run();
    return new SessionEntrance(this.#deps, exchange, incoming, route).run(pool);
  }

  onBadUpgrade(exchange: HttpExchange, reason: 'version' | 'key' | 'body'): void {
    const identified = this.#identify(exchange.request);
    const sentence = reason === 'version' ? undefined : BAD_UPGRADES[reason];
    const status = reason === 'version' ? 426 : 400;
    exchange.reply({ ...ownAnswer(status, identified.record.id, sentence), close: true });
    this.#rejected(exchange.request, identified, status, sentence ?? 'expected WebSocket version 13');
  }

  /** Either refused, or it left while it waited. */
  #turnedAway(exchange: UpgradeExchange, { client, record }: Incoming, isRefused: boolean): void {
    const handshake = isRefused ? 'unavailable' : 'aborted';
    const detail = isRefused ? 'limit: admissions_per_second' : 'the client left before its handshake was answered';
    this.#deps.traffic.handshake(record.route ?? NO_ROUTE, handshake);
    const end = { handshake, status: isRefused ? 503 : 0, ...NOTHING_PASSED, detail } as const;
    this.#deps.accessLog.webSocket(record, exchange.request, client, end);
  }

  onSpoofed(exchange: HttpExchange): void {
    const reason = 'expected no PROXY header of this peer, got one';
    this.onHeaderRefused(exchange.request.remoteAddress, reason);
    this.#refuse(exchange, this.#identify(exchange.request), 400, reason);
  }

  onHeaderRefused(peer: string, detail: string): void {
    this.#headerRefusals.add(peer, detail);
  }

  /** A fault of ours ends one client's request, not the worker with all the others. */
  #failed(error: unknown, exchange: { abort(): void }): void {
    this.#log.error({ err: error }, 'request failed');
    exchange.abort();
  }

  #identify(request: DownstreamRequest): Identified {
    const client = this.#trust.clientOf(request);
    return { client, record: new AccessRecord(requestIdOf(request, client)) };
  }

  /** Closed after the answer: what follows on the connection may be the rest of what was not understood. */
  #refuse(exchange: HttpExchange, { client, record }: Identified, status: OwnStatus, reason: string | undefined): void {
    const { request } = exchange;
    exchange.reply({ ...ownAnswer(status, record.id, reason), close: status !== 404 });
    this.#deps.traffic.request(NO_ROUTE, '', status);
    const end = { status, bytesUp: 0, bytesDown: exchange.bytesSent, isAborted: false, detail: reason };
    this.#deps.accessLog.http(record, request, client, end);
  }

  #rejected(
    request: DownstreamRequest,
    { client, record }: Identified,
    status: number,
    detail: string | undefined,
  ): void {
    this.#deps.traffic.handshake(NO_ROUTE, 'rejected');
    const end = { handshake: 'rejected', status, ...NOTHING_PASSED, detail } as const;
    this.#deps.accessLog.webSocket(record, request, client, end);
  }
}

const BAD_UPGRADES = {
  key: 'Expected one Sec-WebSocket-Key of 16 bytes in base64.',
  body: 'Expected a WebSocket handshake without a body.',
} as const;
