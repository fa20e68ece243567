/**
 * One direction of a link: delivers in order, each segment after a delay of its own or with the one before it. Stalled, it
 * keeps what comes until it is released; as a black hole it loses everything and tells nobody.
 */
import type { Clock, Step } from './clock.js';
import type { SimProcess } from './process.js';

interface Segment {
  readonly bytes: number;
  readonly deliver: () => void;
  /** Undefined while stalled. */
  step: Step | undefined;
}

export interface PipeOptions {
  readonly clock: Clock;
  /** Who receives. */
  readonly owner: () => SimProcess;
  readonly delayMs: () => number;
  /** Bytes left the pipe. */
  readonly onDelivered: () => void;
}

export class Pipe {
  readonly #options: PipeOptions;
  #inFlight: Segment[] = [];
  #mode: 'open' | 'stalled' | 'black' = 'open';
  #lastAtMs = 0;
  #bytes = 0;

  constructor(options: PipeOptions) {
    this.#options = options;
  }

  /** On the way. */
  get bytes(): number {
    return this.#bytes;
  }

  get isBlack(): boolean {
    return this.#mode === 'black';
  }

  push(bytes: number, deliver: () => void): void {
    if (this.#mode === 'black') return;
    const segment: Segment = { bytes, deliver, step: undefined };
    this.#inFlight.push(segment);
    this.#bytes += bytes;
    if (this.#mode === 'open') this.#send(segment);
  }

  stall(): void {
    if (this.#mode !== 'open') return;
    this.#mode = 'stalled';
    this.#recall();
  }

  release(): void {
    if (this.#mode !== 'stalled') return;
    this.#mode = 'open';
    for (const segment of this.#inFlight) if (segment.step === undefined) this.#send(segment);
  }

  blacken(): void {
    this.drop();
    this.#mode = 'black';
  }

  /** What has not arrived at the receiver's machine never will. */
  drop(): void {
    this.#recall();
    this.#inFlight = this.#inFlight.filter(({ step }) => step !== undefined);
    this.#bytes = this.#inFlight.reduce((sum, { bytes }) => sum + bytes, 0);
    if (this.#mode === 'stalled') this.#mode = 'open';
  }

  /** Takes back what is still on the wire; what waits for a paused process has arrived. */
  #recall(): void {
    for (const segment of this.#inFlight) {
      if (segment.step === undefined || segment.step.heldMs !== undefined) continue;
      segment.step.isCancelled = true;
      segment.step = undefined;
    }
  }

  #send(segment: Segment): void {
    const { clock, owner, delayMs, onDelivered } = this.#options;
    this.#lastAtMs = Math.max(this.#lastAtMs, clock.nowMs + delayMs());
    segment.step = clock.schedule(owner(), this.#lastAtMs - clock.nowMs, () => {
      this.#inFlight = this.#inFlight.filter((other) => other !== segment);
      this.#bytes -= segment.bytes;
      segment.deliver();
      onDelivered();
    });
  }
}
