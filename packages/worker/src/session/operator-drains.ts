/**
 * Session backends that somebody else than themselves has set to draining (an operator, the DNS): their sessions are handed
 * over, or closed where the pool wants that, like those of one that announces it, as long as another backend is there to take
 * them. Where none is, they stay, and are looked for again: a session without a backend is worse than one at a backend that would rather be without it.
 */
import type { Link } from '../trunk/link.js';

export interface OperatorDrainsDeps {
  readonly links: () => Iterable<Link>;
  /** Its sessions are to leave; called again for those that have come since. */
  readonly onDrain: (link: Link) => void;
}

export class OperatorDrains {
  readonly #deps: OperatorDrainsDeps;

  constructor(deps: OperatorDrainsDeps) {
    this.#deps = deps;
  }

  /** Called every half second. */
  look(): void {
    for (const link of this.#deps.links()) {
      const { backend } = link;
      if (backend.state !== 'draining' || backend.active === 0 || link.readyTrunk === undefined) continue;
      if (this.#hasTaker(link)) this.#deps.onDrain(link);
    }
  }

  #hasTaker(leaving: Link): boolean {
    for (const { pool, backend, readyTrunk } of this.#deps.links()) {
      if (pool === leaving.pool && backend.state === 'ready' && backend.weight > 0 && readyTrunk !== undefined)
        return true;
    }
    return false;
  }
}
