/**
 * Keeps the members of one DNS pool up to date: resolves at once and then every `refreshMs`, give or take the jitter.
 * What cannot be resolved stays as it was: a DNS server that is away, or answers with nothing, is no reason to take a
 * working pool out of service. Record TTLs are not looked at: the operator said how often.
 */
import type { Logger } from 'pino';
import { type DnsConfig, type ListedBackend, MAX_DISCOVERED, type NameResolver, resolveBackends } from './resolve.js';

export interface DiscoveryDeps {
  readonly resolver: NameResolver;
  readonly random: () => number;
  readonly log: Pick<Logger, 'info' | 'warn'>;
  /** Called after every answer, also when it is the same. */
  readonly onListed: (backends: readonly ListedBackend[]) => void;
}

/** ± share of the refresh interval: many balancers that start together should not ask together for ever. */
const JITTER = 0.1;

export class Discovery {
  readonly config: DnsConfig;
  readonly #deps: DiscoveryDeps;
  #timer: NodeJS.Timeout | undefined;
  #state: 'working' | 'failing' | 'stopped' = 'working';

  constructor(config: DnsConfig, deps: DiscoveryDeps) {
    this.config = config;
    this.#deps = deps;
  }

  /** Resolves after the first attempt, successful or not. */
  async start(): Promise<void> {
    await this.#refresh();
  }

  stop(): void {
    this.#state = 'stopped';
    clearTimeout(this.#timer);
  }

  async #refresh(): Promise<void> {
    try {
      const backends = await resolveBackends(this.config, this.#deps.resolver);
      if (this.#isStopped()) return;
      this.#recovered(backends.length);
      this.#deps.onListed(backends);
    } catch (error) {
      if (this.#isStopped()) return;
      this.#failed(error);
    }
    const delayMs = this.config.refreshMs * (1 + JITTER * (2 * this.#deps.random() - 1));
    this.#timer = setTimeout(() => void this.#refresh(), delayMs);
  }

  #isStopped(): boolean {
    return this.#state === 'stopped';
  }

  #recovered(backends: number): void {
    if (this.#state === 'failing') this.#deps.log.info({ name: this.config.name, backends }, 'name resolves again');
    if (backends === MAX_DISCOVERED) {
      this.#deps.log.warn({ name: this.config.name, limit: MAX_DISCOVERED }, 'name has more addresses than are used');
    }
    this.#state = 'working';
  }

  /** Once per outage, not once per attempt. */
  #failed(error: unknown): void {
    if (this.#state === 'failing') return;
    this.#state = 'failing';
    const why = error instanceof Error ? error.message : String(error);
    this.#deps.log.warn({ name: this.config.name, why }, 'name does not resolve: the last known backends stay');
  }
}
