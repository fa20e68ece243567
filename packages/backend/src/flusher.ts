/**
 * Writes what a turn of the event loop left to write, once for all trunks: at the end of the batch that was read, when that
 * was the cause; else in the check phase of the turn. So everything that a handler sent for a message, and the
 * acknowledgement of that message, are in one batch.
 */

interface Due {
  flush(): void;
}

export class Flusher<Session extends { isDirty: boolean }> {
  readonly #write: (session: Session) => void;
  #dirty: Session[] = [];
  #due: Due[] = [];
  #isArmed = false;
  #isFlushing = false;
  #reading = 0;
  readonly #onTurn = (): void => {
    this.#isArmed = false;
    this.flush();
  };

  /** @param write turns what a session has to say into frames of its trunk. */
  constructor(write: (session: Session) => void) {
    this.#write = write;
  }

  touch(session: Session): void {
    if (session.isDirty) return;
    session.isDirty = true;
    this.#dirty.push(session);
    this.#arm();
  }

  /** A trunk has frames that were not written. */
  add(due: Due): void {
    this.#due.push(due);
    this.#arm();
  }

  /** Between the two nothing is written: a batch is being read, and much may become due. */
  beginReading(): void {
    this.#reading += 1;
  }

  endReading(): void {
    this.#reading -= 1;
    if (this.#reading === 0) this.flush();
  }

  flush(): void {
    if (this.#isFlushing) return;
    this.#isFlushing = true;
    try {
      while (this.#dirty.length > 0 || this.#due.length > 0) {
        this.#writeSessions();
        this.#flushTrunks();
      }
    } finally {
      this.#isFlushing = false;
    }
  }

  #writeSessions(): void {
    const dirty = this.#dirty;
    this.#dirty = [];
    for (let i = 0; i < dirty.length; i += 1) {
      const session = dirty[i] as Session;
      session.isDirty = false;
      this.#write(session);
    }
  }

  #flushTrunks(): void {
    const due = this.#due;
    this.#due = [];
    for (let i = 0; i < due.length; i += 1) (due[i] as Due).flush();
  }

  #arm(): void {
    if (this.#isArmed || this.#isFlushing || this.#reading > 0) return;
    this.#isArmed = true;
    setImmediate(this.#onTurn);
  }
}
