/**
 * A client's WebSocket handshake, from route to open link. The backend's answer is awaited before the client's is
 * given, so that its subprotocol, its cookies and its refusal are the client's. A backend that cannot be connected is
 * replaced by another, as often as the pool allows; once one has spoken, its word stands.
 */
import type { RouteConfig } from '../config.js';
import type { Choice } from '../affinity/affinity.js';
import { headerValues } from '../listener/downstream-request.js';
import type { UpgradeExchange } from '../listener/upgrade-exchange.js';
import { NOTHING_PASSED } from '../observe/access-log.js';
import type { HandshakeResult } from '../observe/outcomes.js';
import { clientHeader } from '../proxy-protocol/client-header.js';
import { rewriteTarget } from '../routing/rewrite.js';
import { downstreamHeaders, upstreamHeaders } from '../routing/upstream-headers.js';
import { type Pass, untilAsked } from '../access/gate.js';
import { ownAnswer, type OwnStatus } from './answers.js';
import { backendsToTry } from './backends-to-try.js';
import { dial, MAX_REFUSAL_BYTES, type DialResult } from './dial.js';
import type { LinkEnd } from './link-options.js';
import { RelayLink } from './relay-link.js';
import type { Incoming, RelayDeps } from './relay-deps.js';

type Open = Extract<DialResult, { kind: 'open' }>;
type Refused = Extract<DialResult, { kind: 'refused' }>;

/** A route's pool, and the client's request for it. */
export class WebSocketRelay {
  readonly #deps: RelayDeps;
  readonly #exchange: UpgradeExchange;
  readonly #incoming: Incoming;
  readonly #route: RouteConfig;
  readonly #abort = new AbortController();
  #pass: Pass;

  constructor(deps: RelayDeps, exchange: UpgradeExchange, incoming: Incoming, route: RouteConfig) {
    this.#deps = deps;
    this.#exchange = exchange;
    this.#incoming = incoming;
    this.#route = route;
    this.#pass = untilAsked(exchange.request);
    exchange.onAborted = () => this.#abort.abort();
  }

  /** Never rejects. */
  async run(): Promise<void> {
    const { client, record } = this.#incoming;
    const { request } = this.#exchange;
    const entrant = { request, client, requestId: record.id, route: this.#route, isHandshake: true, isSdk: false };
    const entry = await this.#deps.gate.enter(entrant);
    if (entry.ok) {
      this.#pass = entry;
      await this.#connect();
    } else {
      this.#exchange.refuse(entry.answer);
      this.#end(entry.result, entry.answer.status, entry.detail);
    }
  }

  async #connect(): Promise<void> {
    const pool = this.#deps.pools.get(this.#route.pool);
    let last: DialResult | undefined;
    if (pool !== undefined) {
      const { request } = this.#exchange;
      const trying = { request, client: this.#incoming.client, isOver: () => this.#abort.signal.aborted };
      for await (const choice of backendsToTry(this.#deps.affinity, pool, trying)) {
        last = await this.#try(choice);
        if (last.kind !== 'unreachable' && last.kind !== 'hungUp') break;
      }
    }
    if (last?.kind !== 'open' && last?.kind !== 'refused') this.#giveUp(last);
  }

  /** One backend. It is in flight from here until the link ends. */
  async #try(choice: Choice): Promise<DialResult> {
    const { record } = this.#incoming;
    const { backend } = choice;
    record.markTried(backend.id);
    backend.acquire();
    const result = await this.#dial(choice);
    if (result.kind === 'open') {
      backend.succeeded();
      this.#accept(choice, result);
      return result;
    }
    backend.release();
    if (result.kind === 'refused') this.#passRefusal(choice, result);
    // The client's leaving, or its nonsense, says nothing about the backend.
    else if (result.kind !== 'aborted' && result.kind !== 'unsendable') backend.failed();
    return result;
  }

  #dial({ backend }: Choice): Promise<DialResult> {
    const { request, identity } = this.#pass;
    const { timeouts } = this.#incoming.pool;
    const isNamed = this.#incoming.pool.proxyProtocol !== undefined;
    return dial({
      backend,
      firstBytes: isNamed ? clientHeader(request, this.#incoming.client) : undefined,
      target: rewriteTarget(this.#route, request.path, request.query),
      headers: upstreamHeaders(request, {
        client: this.#incoming.client,
        host: this.#route.rewrite.host,
        requestId: this.#incoming.record.id,
        isHandshake: true,
        identity,
      }),
      protocols: headerValues(request, 'sec-websocket-protocol').flatMap((value) =>
        value.split(',').map((p) => p.trim()),
      ),
      maxMessageBytes: this.#route.limits.messageBytes,
      connectMs: timeouts.connectMs,
      handshakeMs: timeouts.handshakeMs,
      signal: this.#abort.signal,
    });
  }

  #accept(choice: Choice, open: Open): void {
    const { upstream, headers, protocol, connectMs, handshakeMs } = open;
    const { record } = this.#incoming;
    record.markConnected(connectMs);
    record.markAnswered(handshakeMs);
    const link = this.#link(choice, open);
    const answer = downstreamHeaders(headers);
    if (choice.setCookie !== undefined) answer.push('set-cookie', choice.setCookie);
    const socket = this.#exchange.accept({
      protocol,
      headers: answer,
      compress: this.#route.compression,
      handler: link,
    });
    if (socket === undefined) {
      // Gone without a word, as its client: there is no link that would wait for the answer to a close frame.
      upstream.terminate();
      choice.backend.release();
      this.#end('aborted', 0, 'the client left before its handshake was answered');
      return;
    }
    this.#deps.traffic.handshake(this.#route.name, 'accepted');
    this.#deps.links.add(link);
    link.open(socket);
  }

  #link({ backend }: Choice, { upstream, lend }: Open): RelayLink {
    const { traffic, keepAlive, random, links, nextLinkNumber } = this.#deps;
    const { client, record } = this.#incoming;
    const link: RelayLink = new RelayLink({
      number: nextLinkNumber(),
      client,
      record,
      upstream,
      lend,
      limits: this.#route.limits,
      rates: this.#pass.rates,
      idleMs: this.#incoming.pool.timeouts.idleMs,
      knownUntilMs: this.#pass.known?.endsAtMs ?? 0,
      traffic,
      counts: traffic.of(this.#route.name, backend.poolName, backend.id),
      keepAlive,
      random,
      onEnd: (end) => {
        links.delete(link);
        backend.release();
        if (end.isBackendFailure) backend.failed();
        this.#logEnd(link, end);
      },
    });
    return link;
  }

  #logEnd(link: RelayLink, end: LinkEnd): void {
    this.#pass.slot.release();
    const { record, client } = this.#incoming;
    const { messagesUp, messagesDown, bytesUp, bytesDown } = link;
    this.#deps.accessLog.webSocket(record, this.#exchange.request, client, {
      handshake: 'accepted',
      status: 101,
      messagesUp,
      messagesDown,
      bytesUp,
      bytesDown,
      closeCode: end.code,
      closeReason: end.reason,
      closedBy: end.closedBy,
      detail: end.detail,
    });
  }

  #passRefusal(choice: Choice, { status, headers, body }: Refused): void {
    if (body.length >= MAX_REFUSAL_BYTES) this.#deps.traffic.boundHit('refusal_body');
    if (status >= 500) choice.backend.failed();
    else choice.backend.succeeded();
    this.#exchange.refuse({ status, headers: downstreamHeaders(headers), body });
    this.#end('refused', status, undefined);
  }

  #giveUp(last: DialResult | undefined): void {
    const detail = last !== undefined && 'detail' in last ? last.detail : undefined;
    if (this.#abort.signal.aborted) this.#end('aborted', 0, 'the client left before its handshake was answered');
    else if (last?.kind === 'unsendable') this.#refuse(400, 'rejected', detail);
    else if (last?.kind === 'timeout') this.#refuse(504, 'timeout', detail);
    else if (last?.kind === 'invalid' || last?.kind === 'hungUp') this.#refuse(502, 'invalid', detail);
    else this.#refuse(503, 'unavailable', detail ?? 'expected a usable backend, got none');
  }

  #refuse(status: OwnStatus, result: HandshakeResult, detail: string | undefined): void {
    this.#exchange.refuse(ownAnswer(status, this.#incoming.record.id));
    this.#end(result, status, detail);
  }

  /** The handshake led nowhere. */
  #end(handshake: HandshakeResult, status: number, detail: string | undefined): void {
    this.#pass.slot.release();
    this.#deps.traffic.handshake(this.#route.name, handshake);
    const { record, client } = this.#incoming;
    const end = { handshake, status, ...NOTHING_PASSED, detail };
    this.#deps.accessLog.webSocket(record, this.#exchange.request, client, end);
  }
}
