/**
 * The worker's end of the embedded engine. The transport is passed in (in production the IPC channel to the
 * supervisor), and a reply that does not come in time is given up: the worker goes on without the answer.
 * Arguments are checked on this side too, because only a message, not an error with its code, survives the channel.
 */
import { describeValue } from '../arguments.js';
import { CallGate } from '../call-gate.js';
import { StateError } from '../errors.js';
import type { LeaseStore } from '../lease-store.js';
import type { PresenceStore } from '../presence-store.js';
import type { SessionStore } from '../session-store.js';
import { believed } from '../session-values.js';
import type { AffinityStore, OnCall, OnHealthChange, SharedState, StateHealth } from '../shared-state.js';
import type { TopicBus } from '../topic-bus.js';
import type { TopicStore } from '../topic-store.js';
import { EmbeddedBus } from './bus-client.js';
import { createAffinityClient, createLeaseClient, createSessionClient, type Ask } from './store-clients.js';
import { createPresenceClient, createTopicClient } from './topic-clients.js';

/** Sends one call to the supervisor; rejects with an Error when the supervisor refused or is gone. */
export type StateCall = (method: string, args: readonly unknown[]) => Promise<unknown>;

/** Takes the one who is told each push that the supervisor sends to this worker; called once. */
export type ListenToPushes = (onPush: (push: unknown) => void) => void;

export interface EmbeddedStateOptions {
  readonly call: StateCall;
  /** Absent: subscriptions to topics never come live. */
  readonly listen?: ListenToPushes | undefined;
  /** Milliseconds that a call waits for the supervisor's answer. @default 1000 */
  readonly timeoutMs?: number;
}

const DEFAULT_TIMEOUT_MS = 1000;

/** How long one failed call counts against the health when no other call follows to show that it is over. */
const FAILURE_COUNTS_MS = 10_000;

export function createEmbeddedState(options: EmbeddedStateOptions): SharedState {
  return new EmbeddedState(options);
}

const HEALTHY: StateHealth = { status: 'ok', detail: undefined };
const BORDER = { source: "the supervisor's answer", advice: 'does it run another version than its worker?' };

class EmbeddedState implements SharedState {
  onCall: OnCall | undefined;
  onHealthChange: OnHealthChange | undefined;
  readonly affinity: AffinityStore;
  readonly sessions: SessionStore;
  readonly leases: LeaseStore;
  readonly topics: TopicStore;
  readonly bus: TopicBus;
  readonly presence: PresenceStore;
  readonly #bus: EmbeddedBus;
  readonly #call: StateCall;
  readonly #timeoutMs: number;
  readonly #gate: CallGate;
  #health: StateHealth = HEALTHY;
  #failedAt = 0;

  constructor(options: EmbeddedStateOptions) {
    this.#call = options.call;
    this.#timeoutMs = options.timeoutMs ?? DEFAULT_TIMEOUT_MS;
    this.#gate = new CallGate({
      who: 'the supervisor',
      toStateError: unavailable,
      onCall: () => this.onCall,
      onFailure: (error) => this.#onFailure(error),
    });
    const ask: Ask = (operation, call) => this.#gate.run(operation, () => this.#askAndRead(operation, call));
    this.affinity = createAffinityClient(ask);
    this.sessions = createSessionClient(ask);
    this.leases = createLeaseClient(ask);
    this.topics = createTopicClient(ask);
    this.presence = createPresenceClient(ask);
    this.#bus = new EmbeddedBus({ send: (method, topics) => this.#ask(method, [topics]) });
    this.bus = this.#bus;
    options.listen?.((push) => this.#bus.onPush(push));
  }

  /** What the last call met: there is no link to watch, and a supervisor that is gone takes its workers along. */
  get health(): StateHealth {
    const isOver = performance.now() - this.#failedAt > FAILURE_COUNTS_MS;
    return isOver ? HEALTHY : this.#health;
  }

  async close(): Promise<void> {
    this.#gate.close();
    this.#bus.close();
  }

  async #askAndRead<T>(
    operation: string,
    { args, read }: { args: () => readonly unknown[]; read: (answer: unknown) => T },
  ): Promise<T> {
    const answer = await this.#ask(operation, args());
    return believed(() => read(answer), BORDER);
  }

  async #ask(method: string, args: readonly unknown[]): Promise<unknown> {
    const answer = await withTimeout(this.#call(method, args), this.#timeoutMs, method);
    this.#setHealth(HEALTHY);
    return answer;
  }

  #onFailure(error: StateError): void {
    if (!error.retryable) return;
    this.#failedAt = performance.now();
    this.#setHealth({ status: 'degraded', detail: error.message });
  }

  #setHealth(health: StateHealth): void {
    const hasChanged = health.status !== this.#health.status;
    this.#health = health;
    if (hasChanged && !this.#gate.isClosed) this.onHealthChange?.(health);
  }
}

function withTimeout(answer: Promise<unknown>, timeoutMs: number, method: string): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(timedOut(method, timeoutMs)), timeoutMs);
    // A late answer settles a settled promise: nothing happens, and nothing stays unhandled.
    answer.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}

function timedOut(method: string, timeoutMs: number): StateError {
  return new StateError(
    'STATE_TIMEOUT',
    `${method}: expected the supervisor to answer within ${timeoutMs} ms, got nothing; is its machine overloaded?`,
  );
}

function unavailable(error: unknown, operation: string): StateError {
  const got = error instanceof Error ? error.message : describeValue(error);
  return new StateError('STATE_UNAVAILABLE', `${operation}: expected an answer of the supervisor, got: ${got}`, {
    cause: error,
  });
}
