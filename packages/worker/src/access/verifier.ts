/**
 * Who is this client, by the `auth` of its route: a JWT, the word of another service, or both. Keeps what outlives a reload: the
 * keys of issuers, which may be out of reach just then, and the connections to both.
 */
import type { Logger } from 'pino';
import { Agent } from 'undici';
import type { AuthConfig, RouteConfig } from '../config.js';
import type { CompleteResponse } from '../listener/http-exchange.js';
import type { Traffic } from '../observe/traffic.js';
import { boundedGet } from './bounded-get.js';
import { type AskedRequest, ForwardAuth } from './forward-auth.js';
import { Jwks } from './jwks.js';
import { verifyJwt, type VerifiedJwt } from './jwt.js';

export interface Known {
  readonly kind: 'known';
  /** '' for nobody in particular. */
  readonly principal: string;
  readonly claims: object | undefined;
  /** Headers for the backend, names and values in turn. */
  readonly copied: readonly string[];
  /** Of performance.now: from then on it is not known any more. 0: for good. */
  readonly endsAtMs: number;
  /** From now until the client should have said it again; undefined: never. */
  readonly refreshMs: number | undefined;
}

export type Verdict =
  | Known
  /** `answer`: in the words of the service that was asked. */
  | { readonly kind: 'refused'; readonly answer: CompleteResponse | undefined; readonly detail: string }
  /** Nobody knows; the client may come back later. */
  | { readonly kind: 'unavailable'; readonly detail: string };

export interface Evidence {
  /** undefined: it has none. */
  readonly token: string | undefined;
  /** In a hello, and not in the request. */
  readonly isInBand: boolean;
  readonly request: AskedRequest;
}

export interface VerifierDeps {
  readonly traffic: Pick<Traffic, 'boundHit'>;
  readonly log: Logger;
}

const JWKS_TIMEOUT_MS = 5_000;
/** To one service; more wait for their turn within their own time. */
const MAX_CONNECTIONS = 128;
const NO_CLAIMS = { principal: '', claims: undefined, endsAtMs: 0, refreshMs: undefined };

export class Verifier {
  readonly #deps: VerifierDeps;
  readonly #agent = new Agent({ connections: MAX_CONNECTIONS, pipelining: 1 });
  readonly #jwks = new Map<string, Jwks>();
  readonly #forward: ForwardAuth;

  constructor(deps: VerifierDeps) {
    this.#deps = deps;
    this.#forward = new ForwardAuth({ dispatcher: this.#agent, onBound: (bound) => deps.traffic.boundHit(bound) });
  }

  /** Lets go of issuers that no route has any more. */
  retain(routes: readonly RouteConfig[]): void {
    const urls = new Set(routes.map(({ auth }) => (auth?.jwt?.key.type === 'jwks' ? auth.jwt.key.url : '')));
    for (const url of this.#jwks.keys()) if (!urls.has(url)) this.#jwks.delete(url);
  }

  /** Never rejects: what fails here is as good as no answer. */
  async verify({ jwt, forward }: AuthConfig, evidence: Evidence): Promise<Verdict> {
    const byToken = jwt === undefined ? undefined : await this.#verifyToken(jwt, evidence.token);
    if (forward === undefined || (byToken !== undefined && byToken.kind !== 'known')) {
      return byToken ?? { kind: 'unavailable', detail: 'expected a way to tell who the client is, got none' };
    }
    const token = evidence.isInBand ? evidence.token : undefined;
    const answer = await this.#forward.ask(forward, { ...evidence.request, token });
    if (answer.kind === 'unavailable') return answer;
    if (answer.kind === 'refused') return { ...answer, answer, detail: `forward auth: ${answer.status}` };
    const { principal, copied } = answer;
    const told = { principal, copied, claims: asClaims(copied) };
    if (byToken === undefined) return { ...NO_CLAIMS, kind: 'known', ...told };
    return { ...byToken, copied, claims: { ...told.claims, ...byToken.claims } };
  }

  close(): Promise<void> {
    return this.#agent.destroy();
  }

  async #verifyToken(config: NonNullable<AuthConfig['jwt']>, token: string | undefined): Promise<Verdict> {
    if (token === undefined) return refused('expected a token, got none');
    try {
      const verified = await verifyJwt(token, config, (key) => this.#jwksOf(key).find);
      if (verified === 'refused') return refused('expected a good token, got another');
      if (verified === 'unavailable')
        return { kind: 'unavailable', detail: 'expected keys of the issuer, got none yet' };
      return {
        kind: 'known',
        principal: verified.principal,
        claims: verified.claims,
        copied: [],
        ...timesOf(verified, config),
      };
    } catch (error) {
      // A key that cannot be used, such as a short one of RSA.
      this.#deps.log.warn({ err: error }, 'token not checked');
      return { kind: 'unavailable', detail: `token not checked: ${String(error)}` };
    }
  }

  #jwksOf({ url, cooldownMs }: { readonly url: string; readonly cooldownMs: number }): Jwks {
    let jwks = this.#jwks.get(url);
    if (jwks === undefined) {
      jwks = new Jwks(url, cooldownMs, {
        get: (from, maxBytes) => this.#get(from, maxBytes),
        log: this.#deps.log,
        now: () => performance.now(),
        onBound: () => this.#deps.traffic.boundHit('jwks'),
      });
      this.#jwks.set(url, jwks);
    }
    jwks.cooldownMs = cooldownMs;
    return jwks;
  }

  #get(url: string, maxBytes: number): ReturnType<typeof boundedGet> {
    const headers = ['accept', 'application/jwk-set+json, application/json'];
    return boundedGet(this.#agent, { url, headers, timeoutMs: JWKS_TIMEOUT_MS, maxBytes });
  }
}

function refused(detail: string): Verdict {
  return { kind: 'refused', answer: undefined, detail };
}

/** Whole ms, see SessionHost.nowMs. */
function timesOf(
  { expiresAtMs }: VerifiedJwt,
  { isEndedAtExpiry, toleranceMs }: NonNullable<AuthConfig['jwt']>,
): Pick<Known, 'endsAtMs' | 'refreshMs'> {
  if (expiresAtMs === undefined || !isEndedAtExpiry) return { endsAtMs: 0, refreshMs: undefined };
  const leftMs = Math.floor(expiresAtMs - Date.now());
  return { endsAtMs: Math.floor(performance.now()) + leftMs + toleranceMs, refreshMs: Math.max(0, leftMs) };
}

/** What the service told of the client is what a session's backend gets as claims. */
function asClaims(copied: readonly string[]): Readonly<Record<string, string>> | undefined {
  if (copied.length === 0) return undefined;
  const claims: Record<string, string> = {};
  for (let i = 0; i + 1 < copied.length; i += 2) claims[copied[i] ?? ''] = copied[i + 1] ?? '';
  return claims;
}
