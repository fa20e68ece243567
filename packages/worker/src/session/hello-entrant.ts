/** A client that has said hello and waits to be let in (admission/admission.ts). */
import type { Entrant } from '../admission/admission.js';
import { comeBackAt } from './come-back-later.js';
import type { Session } from './session.js';

export class HelloEntrant implements Entrant {
  readonly isResume: boolean;
  readonly #session: Session;
  readonly #begin: () => void;
  readonly #onRefused: () => void;

  /** @param begin is called while the session is not over. */
  constructor(session: Session, isResume: boolean, on: { readonly begin: () => void; readonly refused: () => void }) {
    this.isResume = isResume;
    this.#session = session;
    this.#begin = on.begin;
    this.#onRefused = on.refused;
  }

  isGone(): boolean {
    return this.#session.isOver;
  }

  enter(): void {
    this.#begin();
  }

  refuse(delayMs: number): void {
    this.#onRefused();
    comeBackAt(this.#session, delayMs);
  }
}
