/**
 * Sessions that a worker takes to another backend: each finishes the message in hand, then everything that its successor
 * needs is sent, and it is over here. One that does not finish in time goes as it is: the message in hand is then handled
 * by the next backend too.
 */
import { CloseCode, TrunkKind } from '@holdfast/protocol';
import type { Given } from './given-away.js';
import type { Attachment, SessionCore } from './session-core.js';
import { encodeState } from './state-codec.js';

export interface HandoversOptions {
  readonly timeoutMs: number;
  readonly onHandedOver: (given: Given) => void;
  readonly onBadState: (error: unknown, core: SessionCore) => void;
}

interface Leaving {
  readonly attachment: Attachment;
  readonly deadlineMs: number;
  isIdle: boolean;
}

const HANDED_OVER = { code: CloseCode.ServiceRestart, reason: 'handed over to another backend' };

export class Handovers {
  readonly #options: HandoversOptions;
  readonly #leaving = new Map<SessionCore, Leaving>();

  constructor(options: HandoversOptions) {
    this.#options = options;
  }

  begin(core: SessionCore): void {
    const { attachment } = core;
    if (attachment === undefined || this.#leaving.get(core)?.attachment === attachment) return;
    const leaving = { attachment, deadlineMs: performance.now() + this.#options.timeoutMs, isIdle: false };
    this.#leaving.set(core, leaving);
    core.prepareToLeave(() => {
      leaving.isIdle = true;
      this.review(core);
    });
  }

  /** Something has changed that the session may have waited for. */
  review(core: SessionCore): void {
    const leaving = this.#leaving.get(core);
    if (leaving === undefined) return;
    if (core.attachment !== leaving.attachment) this.#leaving.delete(core);
    else if (leaving.isIdle && core.exchange.isSettled) this.#handOver(core, leaving);
  }

  tick(nowMs: number): void {
    for (const [core, leaving] of this.#leaving) {
      if (core.attachment !== leaving.attachment) this.#leaving.delete(core);
      else if (nowMs >= leaving.deadlineMs) this.#handOver(core, leaving);
    }
  }

  #handOver(core: SessionCore, { attachment }: Leaving): void {
    this.#leaving.delete(core);
    const { trunk, stream } = attachment;
    if (core.phase === 'ending') {
      // There is nothing to hand over: its application has closed it.
      trunk.out.end(stream, { kind: 'close', ...core.end });
      return core.finish(core.end);
    }
    const { tail, begunUpTo: received } = core.exchange;
    const counters = { ...core.exchange.counters, received };
    const state = this.#stateOf(core);
    trunk.out.jsonWithTail(stream, TrunkKind.Handoff, { ...counters, state }, tail);
    this.#options.onHandedOver({ core, attachment, counters, state, tail });
    core.finish(HANDED_OVER);
  }

  #stateOf(core: SessionCore): string | undefined {
    try {
      return encodeState(core.state, core.id) || undefined;
    } catch (error) {
      this.#options.onBadState(error, core);
      return undefined;
    }
  }
}
