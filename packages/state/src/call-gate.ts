/**
 * CallGate: the door that every call of an engine goes through, so that the rules of SharedState hold in one place:
 * closed states refuse, waiting calls are bounded, whatever is thrown leaves as a StateError, each call is timed once.
 * A class per engine with a base was rejected: engines share these rules, not a shape.
 */
import { StateError } from './errors.js';
import type { OnCall } from './shared-state.js';

/** More callers than this waiting at once means that the engine is not keeping up: refusing beats piling up. */
export const MAX_CALLS_IN_FLIGHT = 10_000;

export interface CallGateOptions {
  /** For error messages: `Redis at 10.0.0.1:6379`, `the supervisor`. */
  readonly who: string;
  /** Turns what the engine's transport throws into a StateError; StateErrors never get here. */
  readonly toStateError: (error: unknown, operation: string) => StateError;
  /** Read at each call, since the owner of the state may set it late. */
  readonly onCall: () => OnCall | undefined;
  /** Called with the error of each failed call that is not the gate's own refusal. */
  readonly onFailure?: (error: StateError) => void;
}

export class CallGate {
  readonly #options: CallGateOptions;
  #inFlight = 0;
  #isClosed = false;

  constructor(options: CallGateOptions) {
    this.#options = options;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  close(): void {
    this.#isClosed = true;
  }

  /** `call` may throw synchronously: the caller only ever sees a rejected promise. */
  async run<T>(operation: string, call: () => Promise<T>): Promise<T> {
    this.#refuseWhenShut(operation);
    const startedAt = performance.now();
    this.#inFlight += 1;
    try {
      const value = await call();
      this.#options.onCall()?.(operation, 'ok', performance.now() - startedAt);
      return value;
    } catch (error) {
      const stateError = error instanceof StateError ? error : this.#options.toStateError(error, operation);
      this.#options.onCall()?.(operation, 'error', performance.now() - startedAt);
      this.#options.onFailure?.(stateError);
      throw stateError;
    } finally {
      this.#inFlight -= 1;
    }
  }

  #refuseWhenShut(operation: string): void {
    const { who } = this.#options;
    if (this.#isClosed) {
      throw new StateError('STATE_CLOSED', `${operation}: expected an open state, got a closed one (${who})`);
    }
    if (this.#inFlight >= MAX_CALLS_IN_FLIGHT) {
      throw new StateError(
        'STATE_UNAVAILABLE',
        `${operation}: expected at most ${MAX_CALLS_IN_FLIGHT} calls waiting for ${who}, got one more; it is too slow`,
      );
    }
  }
}
