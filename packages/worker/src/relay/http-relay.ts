/**
 * An HTTP request, from route to the end of its answer. Another backend is tried while nothing was promised: when one
 * cannot be connected, or when a request that may safely be repeated (RFC 9110 §9.2.2) got no answer at all, which is
 * what a kept-alive connection that the backend just closed looks like.
 */
import type { Readable } from 'node:stream';
import type { Dispatcher } from 'undici';
import { type Pass, untilAsked } from '../access/gate.js';
import type { RouteConfig } from '../config.js';
import type { Choice } from '../affinity/affinity.js';
import { isEngineIoHandshake, learnSid } from '../affinity/engine-io.js';
import type { HttpExchange } from '../listener/http-exchange.js';
import type { Backend } from '../pool/backend.js';
import type { Pool } from '../pool/pool.js';
import { clientHeader } from '../proxy-protocol/client-header.js';
import { rewriteTarget } from '../routing/rewrite.js';
import { upstreamHeaders } from '../routing/upstream-headers.js';
import { ownAnswer, type OwnStatus } from './answers.js';
import { backendsToTry } from './backends-to-try.js';
import { attempt, type AttemptResult } from './http-attempt.js';
import type { Incoming, RelayDeps } from './relay-deps.js';
import { openRequestBody } from './request-body.js';

/** May be sent twice without harm, and is, when the first got no answer. */
const REPEATABLE = new Set(['GET', 'HEAD', 'OPTIONS']);
/** Answers of a gateway or an overloaded server count against a backend. */
const FAILURE_STATUSES = new Set([502, 503, 504]);

export class HttpRelay {
  readonly #deps: RelayDeps;
  readonly #exchange: HttpExchange;
  readonly #incoming: Incoming;
  readonly #route: RouteConfig;
  readonly #body: Readable | undefined;
  #pass: Pass;

  /** In the turn of the request: the body is read from here on. */
  constructor(deps: RelayDeps, exchange: HttpExchange, incoming: Incoming, route: RouteConfig) {
    this.#deps = deps;
    this.#exchange = exchange;
    this.#incoming = incoming;
    this.#route = route;
    this.#pass = untilAsked(exchange.request);
    this.#body = openRequestBody(exchange);
  }

  /** Never rejects. */
  async run(): Promise<void> {
    const { client, record } = this.#incoming;
    const { request } = this.#exchange;
    const entrant = { request, client, requestId: record.id, route: this.#route, isHandshake: false, isSdk: false };
    const entry = await this.#deps.gate.enter(entrant);
    if (entry.ok) {
      this.#pass = entry;
      await this.#serve();
    } else {
      // What it still sends of a body must not be taken for another request.
      this.#exchange.reply({ ...entry.answer, close: this.#body !== undefined });
      this.#log(entry.answer.status, false, entry.detail);
      this.#body?.destroy();
    }
  }

  async #serve(): Promise<void> {
    const pool = this.#deps.pools.get(this.#route.pool);
    let last: AttemptResult | undefined;
    if (pool !== undefined) {
      const { request } = this.#exchange;
      const trying = { request, client: this.#incoming.client, isOver: () => this.#exchange.isOver };
      for await (const choice of backendsToTry(this.#deps.affinity, pool, trying)) {
        last = await this.#try(pool, choice);
        if (!this.#mayRetry(last)) break;
      }
    }
    this.#finish(last);
  }

  async #try(pool: Pool, choice: Choice): Promise<AttemptResult> {
    const { backend } = choice;
    const { record } = this.#incoming;
    record.markTried(backend.id);
    const counts = this.#deps.traffic.of(this.#route.name, backend.poolName, backend.id);
    backend.acquire();
    counts.httpInFlight += 1;
    const result = await this.#send(pool, choice);
    counts.httpInFlight -= 1;
    backend.release();
    if (result.kind === 'failed' || isBackendBreak(result)) backend.failed();
    else if (result.kind === 'answered' && FAILURE_STATUSES.has(result.status)) backend.failed();
    else if (result.kind === 'answered') backend.succeeded();
    return result;
  }

  async #send(pool: Pool, choice: Choice): Promise<AttemptResult> {
    const { upstreams } = this.#deps;
    const { timeouts, proxyProtocol } = pool.config;
    if (proxyProtocol === undefined) return this.#sendOver(upstreams.for(choice.backend, timeouts), pool, choice);
    const firstBytes = clientHeader(this.#exchange.request, this.#incoming.client);
    const single = upstreams.forOne(choice.backend, firstBytes, timeouts);
    try {
      return await this.#sendOver(single, pool, choice);
    } finally {
      upstreams.release(single);
    }
  }

  #sendOver(dispatcher: Dispatcher, pool: Pool, { backend, setCookie }: Choice): Promise<AttemptResult> {
    const { request, identity } = this.#pass;
    const { client, record } = this.#incoming;
    const { timeouts } = pool.config;
    const startedAt = performance.now();
    let connectedAt = startedAt;
    return attempt({
      exchange: this.#exchange,
      dispatcher,
      origin: backend.url,
      serverName: backend.certificateName,
      target: rewriteTarget(this.#route, request.path, request.query),
      headers: upstreamHeaders(request, {
        client,
        host: this.#route.rewrite.host,
        requestId: record.id,
        isHandshake: false,
        identity,
      }),
      body: this.#body,
      responseMs: timeouts.responseMs,
      idleMs: timeouts.idleMs,
      ownHeaders: setCookie === undefined ? [] : ['set-cookie', setCookie],
      onFirstChunk: this.#sidLearner(pool, backend),
      onConnected: () => {
        connectedAt = performance.now();
        record.markConnected(connectedAt - startedAt);
      },
      onStall: () => this.#deps.traffic.boundHit('http_stall'),
      onHead: () => record.markAnswered(performance.now() - connectedAt),
    });
  }

  #sidLearner(pool: Pool, backend: Backend): ((chunk: Uint8Array) => Promise<void>) | undefined {
    if (pool.config.sticky?.by !== 'engine.io' || !isEngineIoHandshake(this.#exchange.request.query)) return undefined;
    return async (chunk) => {
      const sid = learnSid(chunk);
      if (sid !== undefined) await this.#deps.affinity.learn(pool, sid, backend);
    };
  }

  #mayRetry(result: AttemptResult): boolean {
    if (result.kind !== 'failed' || result.isTimeout || this.#exchange.isOver) return false;
    if (!result.isConnected) return true;
    if (result.hasAnswered) return false;
    return this.#body === undefined && REPEATABLE.has(this.#exchange.request.method);
  }

  #finish(last: AttemptResult | undefined): void {
    const isAborted = last?.kind === 'aborted' || (last?.kind !== 'answered' && this.#exchange.isOver);
    if (last?.kind === 'answered' || last?.kind === 'broken') {
      this.#log(last.status, last.kind === 'broken', 'detail' in last ? last.detail : undefined);
    } else if (isAborted) {
      this.#log(0, true, 'the client left before an answer');
    } else {
      const status = last?.kind === 'unsendable' ? 400 : ownStatus(last);
      this.#exchange.reply(ownAnswer(status, this.#incoming.record.id));
      this.#log(status, false, last?.detail ?? 'expected a usable backend, got none');
    }
    this.#body?.destroy();
  }

  #log(status: number, isAborted: boolean, detail: string | undefined): void {
    const { record, client } = this.#incoming;
    const { request, bytesReceived, bytesSent } = this.#exchange;
    const { name, pool } = this.#route;
    const backend = record.backend ?? '';
    const counts = this.#deps.traffic.of(name, pool, backend);
    counts.httpBytesUp += bytesReceived;
    counts.httpBytesDown += bytesSent;
    this.#deps.traffic.request(name, backend, status);
    if (!isAborted) this.#deps.requestTimes.observe(name, record.elapsedMs / 1000);
    const end = { status, bytesUp: bytesReceived, bytesDown: bytesSent, isAborted, detail };
    this.#deps.accessLog.http(record, request, client, end);
  }
}

function isBackendBreak(result: AttemptResult): boolean {
  return result.kind === 'broken' && !result.isByClient;
}

function ownStatus(last: Extract<AttemptResult, { kind: 'failed' }> | undefined): OwnStatus {
  if (last === undefined || (!last.isConnected && !last.isTimeout)) return 503;
  return last.isTimeout ? 504 : 502;
}
