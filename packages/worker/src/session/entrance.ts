/**
 * A client's handshake on the route of a session pool: origin, connections per address, and for a plain client its
 * credentials; then the WebSocket is accepted and a session begins. An SDK client says who it is in its hello instead, because a
 * browser's script can neither set headers nor read why a handshake was refused.
 */
import { SESSION_SUBPROTOCOL } from '@holdfast/protocol';
import { withShared } from '../access/client-rates.js';
import { joined, type Slot } from '../access/entry-limits.js';
import { type Pass, untilAsked } from '../access/gate.js';
import { bearerToken } from '../access/token-source.js';
import type { RouteConfig } from '../config.js';
import { headerOf } from '../listener/downstream-request.js';
import type { UpgradeExchange } from '../listener/upgrade-exchange.js';
import { NOTHING_PASSED } from '../observe/access-log.js';
import type { HandshakeResult } from '../observe/outcomes.js';
import type { Pool } from '../pool/pool.js';
import { ownAnswer, type OwnStatus } from '../relay/answers.js';
import type { Incoming, RelayDeps } from '../relay/relay-deps.js';
import type { Identified, Identity } from './authenticate.js';
import { describeRequest, offeredProtocols } from './describe-request.js';
import { keepLogged, readLogged } from './logged-request.js';
import type { SessionEnd, SessionOrigin, SessionSummary } from './session-end.js';
import type { Sessions } from './sessions.js';

export interface EntranceDeps extends Pick<RelayDeps, 'gate' | 'traffic' | 'accessLog'> {
  readonly sessions: Sessions;
}

export class SessionEntrance {
  readonly #deps: EntranceDeps;
  readonly #exchange: UpgradeExchange;
  readonly #incoming: Incoming;
  readonly #route: RouteConfig;
  #held: Pick<Pass, 'slot' | 'rates'>;

  constructor(deps: EntranceDeps, exchange: UpgradeExchange, incoming: Incoming, route: RouteConfig) {
    this.#deps = deps;
    this.#exchange = exchange;
    this.#incoming = incoming;
    this.#route = route;
    this.#held = untilAsked(exchange.request);
  }

  /** @param pool of the route. */
  async run(pool: Pool): Promise<void> {
    const route = this.#route;
    const { request } = this.#exchange;
    const { client, record } = this.#incoming;
    const isSdk = offeredProtocols(request).includes(SESSION_SUBPROTOCOL);
    const entrant = { request, client, requestId: record.id, route, isHandshake: true, isSdk };
    const entry = await this.#deps.gate.enter(entrant);
    if (!entry.ok) {
      this.#exchange.refuse(entry.answer);
      this.#end(entry.result, entry.answer.status, entry.detail);
      return;
    }
    this.#held = entry;
    const described = describeRequest(entry.request, { route, client, requestId: record.id, identity: entry.identity });
    if (isSdk) this.#accept(pool, described, SESSION_SUBPROTOCOL);
    else await this.#admitPlain(pool, described, entry);
  }

  async #admitPlain(pool: Pool, described: string, { known }: Pass): Promise<void> {
    const identity = known ?? (await this.#askBackends(pool, described));
    if (identity === 'refused') this.#refuse(401, 'rejected', 'expected credentials, got none or bad ones');
    else if (identity === 'overLimit') this.#refuse(429, 'rejected', 'limit: of its principal');
    else if (identity === 'unavailable') this.#refuse(503, 'unavailable', 'expected a usable backend, got none');
    // The application's own protocols are chosen by nobody who knows them: the first is what the client likes best.
    else this.#accept(pool, described, offeredProtocols(this.#exchange.request)[0], identity);
  }

  /** On a route that does not ask: backends may. */
  async #askBackends(pool: Pool, described: string): Promise<Identified | 'overLimit'> {
    const auth = bearerToken(headerOf(this.#exchange.request, 'authorization'));
    const identity = await this.#deps.sessions.identify({ pool, route: this.#route, request: described, auth });
    if (typeof identity === 'string') return identity;
    const entry = await this.#deps.gate.admitPrincipal(this.#route, identity.principal, this.#held);
    if (!entry.ok) return 'overLimit';
    this.#held = entry;
    return identity;
  }

  #accept(pool: Pool, request: string, protocol: string | undefined, identity?: Identity): void {
    const { sessions, traffic } = this.#deps;
    const origin = new ConnectionOrigin(this.#deps.accessLog, this.#incoming.record, {
      request: keepLogged({ request: this.#exchange.request, client: this.#incoming.client }),
      slot: this.#held.slot,
    });
    const isPlain = protocol !== SESSION_SUBPROTOCOL;
    const session = sessions.create({ pool, route: this.#route, isPlain, request, origin });
    session.rates = withShared(session.rates, this.#held.rates);
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
    this.#held.slot.release();
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
  #slot: Slot;

  constructor(
    accessLog: EntranceDeps['accessLog'],
    record: Incoming['record'],
    { request, slot }: { readonly request: string; readonly slot: Slot },
  ) {
    this.#accessLog = accessLog;
    this.#record = record;
    this.#request = request;
    this.#slot = slot;
  }

  hold(slot: Slot): void {
    this.#slot = joined(this.#slot, slot);
  }

  onBackend(backendId: string): void {
    this.#record.markTried(backendId);
  }

  onEnd({ id, isResumed, rehomes, tally }: SessionSummary, end: SessionEnd): void {
    this.#slot.release();
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
