/**
 * The public keys of an issuer, by its URL (RFC 7517). An unknown key is looked for there, at most once per cooldown, so that made
 * up key ids do not become requests to the issuer. Keys that are old are fetched anew behind the scenes, and stay good while the
 * issuer does not answer: its outage is not ours. `createRemoteJWKSet` of jose was tried: it forgets its keys then, and its
 * answer has no bound.
 */
import {
  createLocalJWKSet,
  errors,
  type CryptoKey,
  type FlattenedJWSInput,
  type JSONWebKeySet,
  type JWSHeaderParameters,
} from 'jose';
import type { Logger } from 'pino';
import type { BoundedAnswer } from './bounded-get.js';

/** undefined: nobody knows, since the issuer has not answered yet. */
export type FindKey = (header?: JWSHeaderParameters, token?: FlattenedJWSInput) => Promise<CryptoKey>;

export interface JwksDeps {
  readonly get: (url: string, maxBytes: number) => Promise<BoundedAnswer>;
  readonly log: Pick<Logger, 'warn' | 'info'>;
  readonly now: () => number;
  readonly onBound: () => void;
}

/** The issuer has never been reached: whether the token is good is not known. */
export class JwksUnavailable extends Error {
  constructor(url: string) {
    super(`jwks: expected keys from ${url}, got none yet`);
  }
}

/** Keys that were taken back by the issuer are not good for longer. */
const MAX_AGE_MS = 10 * 60_000;
/** After a failure; never more often than the cooldown if that is shorter. */
const RETRY_MS = 5_000;
const MAX_BYTES = 256 * 1024;
const MAX_KEYS = 100;

export class Jwks {
  readonly #url: string;
  readonly #deps: JwksDeps;
  #find: FindKey | undefined;
  #fetchedAtMs = -Infinity;
  #triedAtMs = -Infinity;
  #hasFailed = false;
  #fetching: Promise<void> | undefined;
  cooldownMs: number;

  constructor(url: string, cooldownMs: number, deps: JwksDeps) {
    this.#url = url;
    this.#deps = deps;
    this.cooldownMs = cooldownMs;
  }

  /** Throws JwksUnavailable, or what jose throws for a key that is not there. */
  readonly find: FindKey = async (header, token) => {
    if (this.#find === undefined) await this.#refresh();
    else if (this.#deps.now() - this.#fetchedAtMs >= MAX_AGE_MS) void this.#refresh();
    const known = this.#find;
    if (known === undefined) throw new JwksUnavailable(this.#url);
    try {
      return await known(header, token);
    } catch (error) {
      if (!(error instanceof errors.JWKSNoMatchingKey)) throw error;
      await this.#refresh();
      // The same keys refuse it again.
      return await (this.#find ?? known)(header, token);
    }
  };

  /** Joins the fetch that runs; does nothing while it is too early for another. Never rejects. */
  #refresh(): Promise<void> {
    if (this.#fetching !== undefined) return this.#fetching;
    const waitMs = this.#hasFailed ? Math.min(this.cooldownMs, RETRY_MS) : this.cooldownMs;
    if (this.#deps.now() - this.#triedAtMs < waitMs) return Promise.resolve();
    this.#triedAtMs = this.#deps.now();
    this.#fetching = this.#fetch().finally(() => {
      this.#fetching = undefined;
    });
    return this.#fetching;
  }

  async #fetch(): Promise<void> {
    const { get, log, now } = this.#deps;
    try {
      const set = this.#read(await get(this.#url, MAX_BYTES));
      this.#find = createLocalJWKSet(set);
      this.#fetchedAtMs = now();
      this.#hasFailed = false;
      log.info({ url: this.#url, keys: set.keys.length }, 'jwks fetched');
    } catch (error) {
      this.#hasFailed = true;
      const hasKeys = this.#find !== undefined;
      log.warn({ err: error, url: this.#url, hasKeys }, 'jwks not fetched: the keys that are known stay');
    }
  }

  #read({ status, body, isCut }: BoundedAnswer): JSONWebKeySet {
    if (status !== 200) throw new Error(`jwks: expected status 200, got ${status}`);
    const set = isCut ? undefined : (JSON.parse(body.toString()) as JSONWebKeySet);
    if (set !== undefined && !Array.isArray(set.keys))
      throw new Error('jwks: expected {"keys": […]}, got something else');
    if (set !== undefined && set.keys.length <= MAX_KEYS) return set;
    this.#deps.onBound();
    throw new Error(`jwks: expected at most ${MAX_KEYS} keys in ${MAX_BYTES} bytes, got more`);
  }
}
