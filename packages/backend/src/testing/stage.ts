/** A backend for tests with an application that writes down what it is told, and workers over memory. */
import { afterEach, beforeEach, expect, vi } from 'vitest';
import { type Backend, createBackend } from '../backend.js';
import type { BackendError } from '../errors.js';
import type { MessageInfo } from '../handler-queue.js';
import type { BackendOptions } from '../options.js';
import type { Payload } from '../payload.js';
import type { BackendSession } from '../session.js';
import { type FakeStream, FakeWorker, type FakeWorkerOptions } from './fake-worker.js';

export const ID: string = 'A'.repeat(22);

export interface Message {
  readonly data: Payload;
  readonly id: string;
  readonly redelivered: boolean;
}

/** One session as its application saw it. */
export interface Seen {
  readonly session: BackendSession;
  readonly cause: string;
  readonly messages: Message[];
  /** Events of the session, with the code when there is one. */
  readonly events: string[];
}

export class Stage {
  readonly backend: Backend;
  readonly seen: Seen[] = [];
  readonly errors: BackendError[] = [];
  readonly workers: FakeWorker[] = [];
  /** What the application does with a message. */
  handle: (session: BackendSession, data: Payload, info: MessageInfo) => unknown = () => undefined;

  constructor(options: Partial<BackendOptions> = {}) {
    this.backend = createBackend({ secret: 'secret', signals: false, ...options });
    this.backend.on('error', (error) => this.errors.push(error));
    this.backend.on('session', (session, { cause }) => this.#onSession(session, cause));
  }

  /** A worker that has proved itself. */
  worker(options: FakeWorkerOptions = {}): FakeWorker {
    const worker = FakeWorker.connect(this.backend, options);
    this.workers.push(worker);
    vi.advanceTimersByTime(0);
    return worker;
  }

  /** A new session, with its first client, and what its application sees of it. */
  begin(worker: FakeWorker, id: string = ID): { stream: FakeStream; seen: Seen } {
    const stream = worker.open(id);
    return { stream, seen: this.last };
  }

  get last(): Seen {
    const seen = this.seen.at(-1);
    if (seen === undefined) throw new Error('stage: expected a session to have begun, none has');
    return seen;
  }

  #onSession(session: BackendSession, cause: string): void {
    const seen: Seen = { session, cause, messages: [], events: [] };
    this.seen.push(seen);
    session.on('message', (data, info) => {
      seen.messages.push({ data, id: info.id, redelivered: info.redelivered });
      return this.handle(session, data, info);
    });
    session.on('attached', () => seen.events.push('attached'));
    session.on('writable', () => seen.events.push('writable'));
    session.on('detached', ({ code }) => seen.events.push(`detached ${code}`));
    session.on('close', ({ code }) => seen.events.push(`close ${code}`));
  }
}

/** Call at the top of a test file: each test gets fake time and a stage, which is closed after it, and whose workers understood it. */
export function useStage(options: Partial<BackendOptions> = {}): { readonly stage: Stage } {
  const current = { stage: undefined as unknown as Stage };
  beforeEach(() => {
    vi.useFakeTimers();
    current.stage = new Stage(options);
  });
  afterEach(async () => {
    await current.stage.backend.close();
    vi.useRealTimers();
    expect(current.stage.workers.flatMap(({ refusals }) => refusals)).toEqual([]);
  });
  return current;
}

/** Lets time pass, promises included. */
export async function pass(ms: number): Promise<void> {
  await vi.advanceTimersByTimeAsync(ms);
}

/** A promise for a test to settle. */
export function gate(): { readonly opened: Promise<void>; open(): void; fail(error: Error): void } {
  let open = (): void => undefined;
  let fail: (error: Error) => void = () => undefined;
  const opened = new Promise<void>((resolve, reject) => {
    open = resolve;
    fail = reject;
  });
  return { opened, open: () => open(), fail: (error) => fail(error) };
}
