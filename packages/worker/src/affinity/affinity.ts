/**
 * Which backend does a request go to? The one that it is bound to, if its pool is sticky and that backend may keep
 * it; else the one that the pool's strategy picks, and it is bound to that. The map of keys is shared (package
 * `state`), so every worker and balancer answers the same. When the map cannot be asked, the key itself decides by
 * hash, which all agree on without talking: nobody is refused because a store is down.
 */
import type { AffinityStore } from '@holdfast/state';
import type { Logger } from 'pino';
import type { StickyConfig } from '../config.js';
import { headerOf, type DownstreamRequest } from '../listener/downstream-request.js';
import type { Backend } from '../pool/backend.js';
import type { Pool } from '../pool/pool.js';
import { affinityKey } from './affinity-key.js';
import { cookieValue, setCookie, type CookieSigner } from './cookie.js';
import { RecentKeys } from './recent-keys.js';

export interface Choice {
  readonly backend: Backend;
  /** Set-Cookie that goes with the answer, when the binding is new. */
  readonly setCookie?: string;
}

export interface ChoiceRequest {
  readonly request: DownstreamRequest;
  readonly clientAddress: string;
  /** Does the client reach us over TLS (its cookies may then be Secure)? */
  readonly isSecure: boolean;
  /** Backends that were tried already. */
  readonly exclude: ReadonlySet<Backend>;
}

type KeyedSticky = Exclude<StickyConfig, { by: 'cookie' }>;

export class Affinity {
  readonly #store: AffinityStore;
  readonly #log: Logger;
  readonly #recent: RecentKeys;
  #signer: CookieSigner;

  constructor(deps: { store: AffinityStore; signer: CookieSigner; log: Logger; now: () => number }) {
    this.#store = deps.store;
    this.#signer = deps.signer;
    this.#log = deps.log;
    this.#recent = new RecentKeys(deps.now);
  }

  set signer(signer: CookieSigner) {
    this.#signer = signer;
  }

  /** Undefined: no backend can take it. A promise only where the shared map has to be asked. */
  choose(pool: Pool, choice: ChoiceRequest): Choice | undefined | Promise<Choice | undefined> {
    const { sticky } = pool.config;
    if (sticky === undefined) return picked(pickNew(pool, choice));
    if (sticky.by === 'cookie') return this.#chooseByCookie(pool, sticky, choice);
    const key = affinityKey(sticky, choice.request, choice.clientAddress);
    if (key === undefined) return picked(pickNew(pool, choice));
    const recent = this.#usable(pool, this.#recent.get(pool.name, key), choice);
    return recent === undefined ? this.#chooseByKey(pool, sticky, key, choice) : { backend: recent };
  }

  /** Binds a key that a backend handed out itself (engine.io's sid). Waits for the map; never rejects. */
  async learn(pool: Pool, key: string, backend: Backend): Promise<void> {
    const ttlMs = pool.config.sticky?.ttlMs ?? 0;
    this.#recent.set(pool.name, key, backend.id, ttlMs);
    try {
      await this.#store.claim(pool.name, key, backend.id, ttlMs);
    } catch (error) {
      this.#log.debug({ err: error, pool: pool.name, backend: backend.id }, 'affinity not shared');
    }
  }

  #chooseByCookie(pool: Pool, sticky: StickyConfig & { by: 'cookie' }, choice: ChoiceRequest): Choice | undefined {
    const value = cookieValue(headerOf(choice.request, 'cookie'), sticky.name);
    const id = value === undefined ? undefined : this.#signer.verify(pool.name, value);
    const bound = this.#usable(pool, id, choice);
    if (bound !== undefined) return { backend: bound };
    const backend = pickNew(pool, choice);
    if (backend === undefined) return undefined;
    const signed = this.#signer.sign(pool.name, backend.id);
    return { backend, setCookie: setCookie(sticky.name, signed, sticky.ttlMs, choice.isSecure) };
  }

  async #chooseByKey(pool: Pool, sticky: KeyedSticky, key: string, choice: ChoiceRequest): Promise<Choice | undefined> {
    try {
      const backend =
        sticky.by === 'engine.io'
          ? await this.#lookUp(pool, key, choice)
          : await this.#claim(pool, sticky, key, choice);
      if (backend !== undefined) this.#recent.set(pool.name, key, backend.id, sticky.ttlMs);
      return picked(backend ?? pickNew(pool, choice));
    } catch (error) {
      this.#log.debug({ err: error, pool: pool.name }, 'affinity unknown');
      return picked(pool.pickByHash(key, choice.exclude));
    }
  }

  /** A sid that nobody knows is for the backend to refuse: it is not bound to whom it happens to reach. */
  async #lookUp(pool: Pool, key: string, choice: ChoiceRequest): Promise<Backend | undefined> {
    return this.#usable(pool, await this.#store.lookup(pool.name, key), choice);
  }

  async #claim(pool: Pool, sticky: KeyedSticky, key: string, choice: ChoiceRequest): Promise<Backend | undefined> {
    const candidate = pickNew(pool, choice);
    if (candidate === undefined) return this.#lookUp(pool, key, choice);
    const bound = await this.#store.claim(pool.name, key, candidate.id, sticky.ttlMs);
    const backend = this.#usable(pool, bound, choice);
    if (backend !== undefined) return backend;
    // Bound to one that is gone: somebody has to rebind it, and all follow the first who does.
    const rebound = await this.#store.replace(pool.name, key, bound, candidate.id, sticky.ttlMs);
    return this.#usable(pool, rebound, choice);
  }

  /** What the map says is what somebody wrote: only a member that may keep the request is dialled. */
  #usable(pool: Pool, backendId: string | undefined, choice: ChoiceRequest): Backend | undefined {
    const backend = backendId === undefined ? undefined : pool.find(backendId);
    if (backend === undefined || choice.exclude.has(backend)) return undefined;
    return pool.mayKeep(backend) ? backend : undefined;
  }
}

function pickNew(pool: Pool, choice: ChoiceRequest): Backend | undefined {
  return pool.pick({ hashKey: choice.clientAddress, exclude: choice.exclude });
}

function picked(backend: Backend | undefined): Choice | undefined {
  return backend === undefined ? undefined : { backend };
}
