/**
 * The one gate that every request passes before anybody else spends anything on it: WebSockets of relays, plain and SDK
 * sessions, and HTTP requests. What costs least is asked first: address, origin, how many there are already, and then who it is.
 * A client with the SDK says who it is in its hello, later: the rest holds for its handshake. A refusal tells its
 * client the status alone, and the access log which rule it was.
 */
import type { AccessConfig, AuthConfig, RouteConfig } from '../config.js';
import { headerOf, type DownstreamRequest } from '../listener/downstream-request.js';
import type { CompleteResponse } from '../listener/http-exchange.js';
import type { HandshakeResult } from '../observe/outcomes.js';
import type { Traffic } from '../observe/traffic.js';
import { ownAnswer, type OwnStatus } from '../relay/answers.js';
import { AddressList } from '../routing/address-list.js';
import { rewriteTarget } from '../routing/rewrite.js';
import type { ClientInfo } from '../routing/trust.js';
import { type IdentityHeaders, upstreamHeaders } from '../routing/upstream-headers.js';
import { hashPrincipal } from '../session/token.js';
import { type Entry, type EntryLimits, joined, type LimitName, NO_RATES, NO_SLOT, type Slot } from './entry-limits.js';
import { identityHeaders } from './identity-headers.js';
import type { RatePair } from './rate-pair.js';
import { tokenOf, withoutToken } from './token-source.js';
import type { Known, Verifier } from './verifier.js';

export interface Entrant {
  readonly request: DownstreamRequest;
  readonly client: ClientInfo;
  readonly requestId: string;
  readonly route: RouteConfig;
  readonly isHandshake: boolean;
  /** It says who it is later. */
  readonly isSdk: boolean;
}

/** What a client got with its way in. */
export interface Pass {
  readonly ok: true;
  /** As the backend may see it. */
  readonly request: DownstreamRequest;
  /** Headers that are ours alone to write. */
  readonly identity: IdentityHeaders | undefined;
  /** undefined: the route does not ask, or not yet. */
  readonly known: Known | undefined;
  /** Held until the connection ends. */
  readonly slot: Slot;
  /** That its messages have in common with others', as long as it has the slot. */
  readonly rates: readonly RatePair[];
}

/** What holds until the gate has been asked. */
export function untilAsked(request: DownstreamRequest): Pass {
  return { ok: true, request, identity: undefined, known: undefined, slot: NO_SLOT, rates: NO_RATES };
}

export interface Refusal {
  readonly ok: false;
  readonly answer: CompleteResponse;
  readonly result: Extract<HandshakeResult, 'rejected' | 'unavailable'>;
  /** Never sent to the client. */
  readonly detail: string;
}

export interface GateDeps {
  readonly limits: EntryLimits;
  readonly verifier: Verifier;
  readonly traffic: Pick<Traffic, 'boundHit'>;
}

type Admitted = Pick<Pass, 'slot' | 'rates'>;

interface AddressRules {
  readonly allow: AddressList;
  readonly deny: AddressList;
}

export class Gate {
  readonly #deps: GateDeps;
  /** Made once per configuration. */
  readonly #rules = new WeakMap<AccessConfig, AddressRules>();

  constructor(deps: GateDeps) {
    this.#deps = deps;
  }

  async enter(entrant: Entrant): Promise<Pass | Refusal> {
    const { request, client, route, isHandshake, isSdk } = entrant;
    if (!this.#mayCome(route.access, client.address)) return own(entrant, 403, 'access: expected an allowed address');
    if (isHandshake && !isAllowedOrigin(request, route)) return own(entrant, 403, 'expected an allowed Origin');
    const { limits } = this.#deps;
    const entry = await (isHandshake
      ? limits.connection(route, client.address)
      : limits.request(route, client.address));
    if (!entry.ok) return this.#overLimit(entrant, entry.bound);
    const { auth } = route;
    const { slot, rates } = entry;
    if (auth === undefined) return { ...untilAsked(request), slot, rates };
    if (isSdk) return { ok: true, ...asSeen(entrant, auth, undefined), known: undefined, slot, rates };
    const result = await this.#identify(entrant, auth, entry);
    if (!result.ok) slot.release();
    return result;
  }

  /** Of a connection whose principal somebody else found out: with what it holds already. */
  async admitPrincipal(route: RouteConfig, principal: string, held: Admitted): Promise<Entry> {
    const by = { isConnection: true, isReturning: false };
    const entry = await this.#deps.limits.principal(route, hashPrincipal(principal), by);
    if (entry.ok) return { ok: true, ...together(held, entry) };
    this.#deps.traffic.boundHit(entry.bound);
    return entry;
  }

  async #identify(entrant: Entrant, auth: AuthConfig, held: Admitted): Promise<Pass | Refusal> {
    const { request, route, isHandshake } = entrant;
    const token = auth.jwt === undefined ? undefined : tokenOf(request, auth.jwt);
    const verdict = await this.#deps.verifier.verify(auth, { token, isInBand: false, request: asAsked(entrant) });
    if (verdict.kind === 'unavailable') return { ...own(entrant, 503, verdict.detail), result: 'unavailable' };
    if (verdict.kind === 'refused') {
      const { answer, detail } = verdict;
      return answer === undefined ? own(entrant, 401, detail) : passedOn(entrant, answer, detail);
    }
    const by = { isConnection: isHandshake, isReturning: false };
    const entry = await this.#deps.limits.principal(route, hashPrincipal(verdict.principal), by);
    if (!entry.ok) return this.#overLimit(entrant, entry.bound);
    return { ok: true, ...asSeen(entrant, auth, verdict), known: verdict, ...together(held, entry) };
  }

  #mayCome(access: AccessConfig, address: string): boolean {
    let rules = this.#rules.get(access);
    if (rules === undefined) {
      rules = { allow: new AddressList(access.allow), deny: new AddressList(access.deny) };
      this.#rules.set(access, rules);
    }
    return !rules.deny.has(address) && (rules.allow.isEmpty || rules.allow.has(address));
  }

  #overLimit(entrant: Entrant, bound: LimitName): Refusal {
    this.#deps.traffic.boundHit(bound);
    return own(entrant, 429, `limit: ${bound}`);
  }
}

function together(one: Admitted, other: Admitted): Admitted {
  return { slot: joined(one.slot, other.slot), rates: [...one.rates, ...other.rates] };
}

function isAllowedOrigin(request: DownstreamRequest, { origins }: RouteConfig): boolean {
  return origins === undefined || origins.includes(headerOf(request, 'origin')?.toLowerCase() ?? '');
}

function own({ requestId }: Entrant, status: OwnStatus, detail: string): Refusal {
  return { ok: false, answer: ownAnswer(status, requestId), result: 'rejected', detail };
}

function passedOn({ requestId }: Entrant, answer: CompleteResponse, detail: string): Refusal {
  const headers = [...(answer.headers ?? []), 'x-request-id', requestId];
  return { ok: false, answer: { ...answer, headers }, result: 'rejected', detail };
}

/** The same headers and target as the backend would get. */
function asAsked({
  request,
  client,
  route,
  requestId,
  isHandshake,
}: Entrant): Parameters<Verifier['verify']>[1]['request'] {
  return {
    method: request.method,
    target: rewriteTarget(route, request.path, request.query),
    headers: upstreamHeaders(request, { client, host: route.rewrite.host, requestId, isHandshake }),
  };
}

function asSeen({ request }: Entrant, auth: AuthConfig, known: Known | undefined): Pick<Pass, 'request' | 'identity'> {
  const isStripped = auth.stripToken && auth.jwt !== undefined;
  return {
    request: isStripped ? withoutToken(request, auth.jwt) : request,
    identity: identityHeaders(auth, known),
  };
}
