/** A handshake that waits to be let in: a relayed WebSocket's, or that of a client that speaks no session protocol. */
import type { Admission, Entrant } from './admission.js';

/** Resolves with undefined when it may come in, else with when there is room for it, in ms. */
export function knock(admission: Admission): Promise<number | undefined> {
  return new Promise((resolve) => admission.ask(new HandshakeEntrant(resolve)));
}

class HandshakeEntrant implements Entrant {
  /** Nobody can tell by a handshake whether its client was here before. */
  readonly isResume = false;
  readonly #resolve: (delayMs: number | undefined) => void;

  constructor(resolve: (delayMs: number | undefined) => void) {
    this.#resolve = resolve;
  }

  /** Whoever awaits it is always answered. */
  isGone(): boolean {
    return false;
  }

  enter(): void {
    this.#resolve(undefined);
  }

  refuse(delayMs: number): void {
    this.#resolve(delayMs);
  }
}
