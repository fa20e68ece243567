/**
 * Tells of a link's health once per change: the state's owner by a call, a person by a line in the log. Apart from the
 * links, so that one server and a Cluster are reported alike.
 */
import type { StateHealth, StateLog } from '../shared-state.js';

export interface HealthReportOptions {
  /** Which Redis, for the log. */
  readonly label: string;
  readonly log: StateLog | undefined;
  readonly onHealthChange: (health: StateHealth) => void;
}

export class HealthReport {
  readonly #options: HealthReportOptions;
  #told: StateHealth['status'] = 'degraded';
  #logged: StateHealth['status'] | undefined;

  constructor(options: HealthReportOptions) {
    this.#options = options;
  }

  /** `isTentative`: still to be proven, which is no news for a log; the very first failure is. */
  update(health: StateHealth, { isTentative }: { isTentative: boolean }): void {
    if (!isTentative) this.#log(health);
    if (health.status === this.#told) return;
    this.#told = health.status;
    this.#options.onHealthChange(health);
  }

  #log({ status, detail }: StateHealth): void {
    if (status === this.#logged) return;
    this.#logged = status;
    const { log, label } = this.#options;
    if (status === 'ok') log?.info({ redis: label }, 'shared state ready');
    else log?.warn({ redis: label, detail }, 'shared state degraded');
  }
}
