/**
 * Shared state of a run: the embedded store in a process of its own, reached through the real client of it over a channel
 * that takes time and can fail before or after a call took effect. It also keeps the books on generations, apart from the
 * store: nothing may be parked or committed with less than the highest that was given out (I4).
 */
import { createEmbeddedState, EmbeddedStore, handleCall, type SharedState } from '@holdfast/state';
import type { Clock } from '../clock.js';
import type { Ledger } from '../ledger.js';
import { SimProcess } from '../process.js';
import type { Random } from '../random.js';
import type { Outage } from '../schedule.js';
import type { Trace } from '../trace.js';

interface Call {
  readonly method: string;
  readonly args: readonly unknown[];
}

type Fate = 'answered' | 'refused' | 'forgotten' | 'lost';

export class SimState {
  /** Undefined: all is well. */
  outage: Outage | undefined;
  readonly #parts: { readonly clock: Clock; readonly random: Random; readonly ledger: Ledger; readonly trace: Trace };
  readonly #process: SimProcess;
  #store: EmbeddedStore | undefined;
  readonly #generations = new Map<string, number>();

  constructor(parts: {
    readonly clock: Clock;
    readonly random: Random;
    readonly ledger: Ledger;
    readonly trace: Trace;
  }) {
    this.#parts = parts;
    this.#process = new SimProcess('state', parts.clock);
    parts.clock.schedule(this.#process, 0, () => {
      this.#store = new EmbeddedStore();
    });
  }

  /** What a worker has of it. */
  clientOf(worker: SimProcess): SharedState {
    return createEmbeddedState({ call: (method, args) => this.#call(worker, { method, args: structuredClone(args) }) });
  }

  #call(worker: SimProcess, call: Call): Promise<unknown> {
    const { clock, trace } = this.#parts;
    const fate = this.#fate();
    const note = (what: string, detail: unknown): void =>
      trace.add({
        atMs: clock.nowMs,
        who: 'state',
        what: `${worker.name} ${call.method} ${what}`,
        detail: () => text(detail),
      });
    return new Promise((resolve, reject) => {
      const answer = (settle: () => void): void => void clock.schedule(worker, this.#delay(), settle);
      clock.schedule(this.#process, this.#delay(), () => {
        if (fate === 'refused') return answer(() => reject(new Error('refused')));
        if (fate === 'lost') return note('lost', call.args);
        try {
          const value = structuredClone(handleCall(this.#store!, call.method, call.args));
          note(fate, [call.args, value]);
          if (typeof value === 'string' || isObject(value)) this.#judge(call, value);
          if (fate === 'answered') answer(() => resolve(value));
          else answer(() => reject(new Error('the answer was lost')));
        } catch (error) {
          note('failed', (error as Error).message);
          answer(() => reject(error as Error));
        }
      });
    });
  }

  #fate(): Fate {
    const { random } = this.#parts;
    switch (this.outage) {
      case undefined:
        return 'answered';
      case 'refuse':
        return 'refused';
      case 'forget':
        return 'forgotten';
      case 'hang':
        return 'lost';
      case 'lossy':
        return random.pick<Fate>(['answered', 'answered', 'refused', 'forgotten', 'lost']);
    }
  }

  #delay(): number {
    const { random } = this.#parts;
    return random.chance(0.1) ? random.between(5, 150) : random.between(1, 4);
  }

  #judge({ method, args: [request] }: Call, value: unknown): void {
    const { sessionId, generation, expectedGeneration = Infinity, minGeneration = 1 } = request as Asked;
    const { kind, generation: answered } = value as { readonly kind?: string; readonly generation?: number };
    const highest = this.#generations.get(sessionId) ?? 0;
    const broke = (what: string): void =>
      this.#parts.ledger.broke('I4', `session ${sessionId}`, `${method} ${what}, after ${highest}`);
    if ((value === 'parked' || value === 'committed') && (generation ?? 0) < highest) {
      broke(`was taken of generation ${generation}`);
    }
    const given = value === 'created' ? minGeneration : answered;
    if (given === undefined || !(value === 'created' || kind === 'resumed' || kind === 'rebound')) return;
    if (value !== 'created' && given <= highest) broke(`gave generation ${given}`);
    if (expectedGeneration < highest) broke(`was taken of generation ${expectedGeneration}`);
    this.#generations.set(sessionId, Math.max(highest, given));
  }
}

/** What requests have of these. */
interface Asked {
  readonly sessionId: string;
  readonly generation?: number;
  readonly expectedGeneration?: number;
  readonly minGeneration?: number;
}

function text(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) =>
    inner instanceof Uint8Array ? Buffer.from(inner).toString() : inner,
  );
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}
