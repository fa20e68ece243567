/**
 * A client's handshake on the route of a session pool: origin, connections per address, and for a plain client its
 * credentials; then the WebSocket is accepted and a session begins. An SDK client says who it is in its hello instead, because a
 * browser's script can neither set headers nor read why a handshake was refused.
 */
import { SESSION_SUBPROTOCOL } from '@holdfast/protocol';
import type { Slot } from '../admission/address-slots.js';
import type { RouteConfig } from '../config.js';
import { headerOf } from '../listener/downstream-request.js';
import type { UpgradeExchange } from '../listener/upgrade-exchange.js';
import { NOTHING_PASSED } from '../observe/access-log.js';
import type { HandshakeResult } from '../observe/outcomes.js';
import type { Pool } from '../pool/pool.js';
import { ownAnswer, type OwnStatus } from '../relay/answers.js';
import type { Incoming, RelayDeps } from '../relay/relay-deps.js';
import type { Identity } from './authenticate.js';
import { describeRequest, offeredProtocols } from './describe-request.js';
import { bearerToken } from './jwt.js';
import { keepLogged, readLogged } from './logged-request.js';
import type { SessionEnd, SessionOrigin, SessionSummary } from './session-end.js';
import type { Sessions } from './sessions.js';

export interface EntranceDeps extends Pick<RelayDeps, 'slots' | 'traffic' | 'accessLog'> {
  readonly sessions: Sessions;
}

export class SessionEntrance {
  readonly #deps: EntranceDeps;
  readonly #exchange: UpgradeExchange;
  readonly #incoming: Incoming;
  readonly #route: RouteConfig;
  #slot: Slot | undefined;

  constructor(deps: EntranceDeps, exchange: UpgradeExchange, incoming: Incoming, route: RouteConfig) {
    this.#deps = deps;
    this.#exchange = exchange;
    this.#incoming = incoming;
    this.#route = route;
  }

  /** @param pool of the route. */
  async run(pool: Pool): Promise<void> {
    const { limits, origins, name } = this.#route;
    const { request } = this.#exchange;
    const { client, record } = this.#incoming;
    if (origins !== undefined && !origins.includes(headerOf(request, 'origin')?.toLowerCase() ?? '')) {
      this.#refuse(403, 'rejected', 'expected an allowed Origin');
      return;
    }
    this.#slot = await this.#deps.slots.acquire(name, client.address, limits.connectionsPerAddress);
    if (!this.#slot.isGranted) {
      this.#deps.traffic.boundHit('connections_per_address');
      this.#refuse(429, 'rejected', 'limit: connections_per_address');
      return;
    }
    const described = describeRequest(request, { route: this.#route, client, requestId: record.id });
    if (offeredProtocols(request).includes(SESSION_SUBPROTOCOL)) this.#accept(pool, described, SESSION_SUBPROTOCOL);
    else await this.#admitPlain(pool, described);
  }

  async #admitPlain(pool: Pool, described: string): Promise<void> {
    const auth = bearerToken(headerOf(this.#exchange.request, 'authorization'));
    const identity = await this.#deps.sessions.identify({ pool, route: this.#route, request: described, auth });
    if (identity === 'refused') this.#refuse(401, 'rejected', 'expected credentials, got none or bad ones');
    else if (identity === 'unavailable') this.#refuse(503, 'unavailable', 'expected a usable backend, got none');
    // The application's own protocols are chosen by nobody who knows them: the first is what the client likes best.
    else this.#accept(pool, described, offeredProtocols(this.#exchange.request)[0], identity);
  }

  #accept(pool: Pool, request: string, protocol: string | undefined, identity?: Identity): void {
    const { sessions, traffic } = this.#deps;
    const origin = new ConnectionOrigin(this.#deps.accessLog, this.#incoming.record, {
      request: keepLogged({ request: this.#exchange.request, client: this.#incoming.client }),
      slot: this.#slot,
    });
    const isPlain = protocol !== SESSION_SUBPROTOCOL;
    const session = sessions.create({ pool, route: this.#route, isPlain, request, origin });
    const compress = this.#route.compression;
    const socket = this.#exchange.accept({ protocol, headers: [], compress, handler: session });
    if (socket === undefined) {
      this.#end('aborted', 0, 'the client left before its handshake was answered');
      return;
    }
    traffic.handshake(this.#route.name, 'accepted');
    sessions.open(session, socket, identity);
  }

  #refuse(status: OwnStatus, result: HandshakeResult, detail: string): void {
    this.#exchange.refuse(ownAnswer(status, this.#incoming.record.id));
    this.#end(result, status, detail);
  }

  /** The handshake led nowhere. */
  #end(handshake: HandshakeResult, status: number, detail: string): void {
    this.#slot?.release();
    this.#deps.traffic.handshake(this.#route.name, handshake);
    const { record, client } = this.#incoming;
    const end = { handshake, status, ...NOTHING_PASSED, detail };
    this.#deps.accessLog.webSocket(record, this.#exchange.request, client, end);
  }
}

/** Kept as long as the connection: what its line in the access log needs, and no more of the request. */
class ConnectionOrigin implements SessionOrigin {
  readonly #accessLog: EntranceDeps['accessLog'];
  readonly #record: Incoming['record'];
  /** See logged-request.ts. */
  readonly #request: string;
  readonly #slot: Slot | undefined;

  constructor(
    accessLog: EntranceDeps['accessLog'],
    record: Incoming['record'],
    { request, slot }: { readonly request: string; readonly slot: Slot | undefined },
  ) {
    this.#accessLog = accessLog;
    this.#record = record;
    this.#request = request;
    this.#slot = slot;
  }

  onBackend(backendId: string): void {
    this.#record.markTried(backendId);
  }

  onEnd({ id, isResumed, rehomes, tally }: SessionSummary, end: SessionEnd): void {
    this.#slot?.release();
    const { messagesUp, messagesDown, bytesUp, bytesDown } = tally;
    const { code, reason, closedBy, detail } = end;
    const { request, client } = readLogged(this.#request);
    this.#accessLog.webSocket(this.#record, request, client, {
      handshake: 'accepted',
      status: 101,
      messagesUp,
      messagesDown,
      bytesUp,
      bytesDown,
      closeCode: code,
      closeReason: reason,
      closedBy,
      detail,
      sessionId: id === '' ? undefined : id,
      resumed: isResumed,
      rehomes,
    });
  }
}
