/**
 * Publishes while workers come and go: each message is published once, in the order of calling, whatever was lost when. The
 * last test makes schedules up: its workers publish, answer, die and fall silent at random over one store that knows keys.
 */
import { TrunkKind } from '@holdfast/protocol';
import * as fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { createBackend } from './backend.js';
import { type FakeRequest, FakeWorker } from './testing/fake-worker.js';
import { pass, useStage } from './testing/stage.js';

const own = useStage();
const EPOCH = 'Zm9vYmFyYmF6';

function textOf({ tail }: FakeRequest): string {
  return Buffer.from(tail[0]?.data ?? []).toString();
}

function textsOf({ requests }: FakeWorker): readonly string[] {
  return requests.map(textOf);
}

function workers(count: number): readonly FakeWorker[] {
  return Array.from({ length: count }, (_, i) => own.stage.worker({ name: String(i).repeat(16) }));
}

/** Which of them takes the publishes of this moment. */
function takerOf(all: readonly FakeWorker[]): { taker: FakeWorker; others: readonly FakeWorker[] } {
  const taker = all.find(({ requests }) => requests.length > 0);
  if (taker === undefined) throw new Error('expected a worker to have been asked, none was');
  return { taker, others: all.filter((worker) => worker !== taker) };
}

function publish(...texts: readonly string[]): { readonly outcomes: unknown[] } {
  const outcomes: unknown[] = [];
  for (const [i, text] of texts.entries()) {
    outcomes.push('pending');
    own.stage.backend.publish('room', text).then(
      ({ offset }) => (outcomes[i] = offset),
      ({ code }) => (outcomes[i] = code),
    );
  }
  return { outcomes };
}

describe('publishes', () => {
  it('all go over one trunk, in order', async () => {
    const all = workers(3);
    publish('a', 'b', 'c');
    await pass(300);
    publish('d', 'e');
    await pass(1);
    const { taker, others } = takerOf(all);
    expect(textsOf(taker)).toEqual(['a', 'b', 'c', 'd', 'e']);
    expect(others.flatMap(textsOf)).toEqual([]);
  });

  it('that have no answer when the trunk is lost go over another one with their keys, before anything new', async () => {
    const all = workers(2);
    const { outcomes } = publish('a', 'b', 'c');
    await pass(1);
    const { taker, others } = takerOf(all);
    taker.answer(taker.requests[0]!, { epoch: EPOCH, offset: 1 });
    await pass(1);
    taker.transport.lose();
    publish('d');
    await pass(1);
    const [other] = others as [FakeWorker];
    expect(textsOf(other)).toEqual(['b', 'c', 'd']);
    expect(other.requests.map(({ body }) => body['key']).slice(0, 2)).toEqual(
      taker.requests.slice(1).map(({ body }) => body['key']),
    );
    for (const [i, request] of other.requests.entries()) other.answer(request, { epoch: EPOCH, offset: i + 2 });
    await pass(1);
    expect(outcomes).toEqual([1, 2, 3]);
  });

  it('wait for the next worker when the only one is lost', async () => {
    const [only] = workers(1) as [FakeWorker];
    const { outcomes } = publish('a', 'b');
    await pass(1);
    only.transport.lose();
    publish('c');
    await pass(4000);
    const next = own.stage.worker({ name: 'n'.repeat(16), onRequest: () => ({ epoch: EPOCH, offset: 7 }) });
    await pass(1);
    expect(textsOf(next)).toEqual(['a', 'b', 'c']);
    expect(outcomes).toEqual([7, 7]);
  });

  it('wait until the next worker knows who this is: before that, it takes no large batch', async () => {
    const texts = Array.from({ length: 20 }, (_, i) => `${i}`.padEnd(1000, '.'));
    publish(...texts);
    const [worker] = workers(1) as [FakeWorker];
    await pass(1);
    const ready = worker.of('ready')[0];
    expect(worker.heard.filter(({ batch }) => batch === ready?.batch)).toEqual([ready]);
    expect(textsOf(worker)).toEqual(texts);
  });

  it('are given up after 5 s: nobody knows of those that were asked, and of the others everybody', async () => {
    const [only] = workers(1) as [FakeWorker];
    const asked = publish('a');
    await pass(1);
    only.transport.lose();
    const waiting = publish('b');
    await pass(4500);
    expect([...asked.outcomes, ...waiting.outcomes]).toEqual(['pending', 'pending']);
    await pass(1000);
    expect([...asked.outcomes, ...waiting.outcomes]).toEqual(['BACKEND_NO_ANSWER', 'BACKEND_NO_WORKER']);
  });

  it('leave a worker that is silent before it is given up for dead', async () => {
    const all = workers(2);
    const { outcomes } = publish('a', 'b');
    await pass(1);
    const { taker, others } = takerOf(all);
    // Stopped: its socket takes what is sent, and nothing comes back.
    vi.spyOn(taker.transport, 'deliver').mockImplementation(() => undefined);
    await pass(3500);
    const [other] = others as [FakeWorker];
    expect(textsOf(other)).toEqual(['a', 'b']);
    for (const request of other.requests) other.answer(request, { epoch: EPOCH, offset: 5 });
    await pass(5000);
    expect(outcomes).toEqual([5, 5]);
    expect(taker.transport.end).toBeDefined();
  });

  it('leave a worker that leaves, and take its answers all the same', async () => {
    const all = workers(2);
    const { outcomes } = publish('a', 'b');
    await pass(1);
    const { taker, others } = takerOf(all);
    taker.sayJson(0, TrunkKind.Drain, { reason: 'deploy', deadlineMs: 10_000 });
    await pass(300);
    const [other] = others as [FakeWorker];
    expect(textsOf(other)).toEqual(['a', 'b']);
    taker.answer(taker.requests[0]!, { epoch: EPOCH, offset: 1 });
    // What fails there does not count: another one was asked since.
    taker.fail(taker.requests[1]!, 'unavailable', true);
    other.answer(other.requests[1]!, { epoch: EPOCH, offset: 2 });
    await pass(1);
    expect(outcomes).toEqual([1, 2]);
  });

  it('too old to be sent again fail when the others go on: their answers would come out of order', async () => {
    const drain = { reason: 'deploy', deadlineMs: 10_000 };
    const [first] = workers(1) as [FakeWorker];
    const old = publish('old');
    await pass(2000);
    const second = own.stage.worker({ name: '2'.repeat(16) });
    first.sayJson(0, TrunkKind.Drain, drain);
    await pass(1000);
    const young = publish('young');
    await pass(2500);
    const third = own.stage.worker({ name: '3'.repeat(16) });
    second.sayJson(0, TrunkKind.Drain, drain);
    await pass(300);
    expect([textsOf(second), textsOf(third)]).toEqual([['old', 'young'], ['young']]);
    second.answer(second.requests[0]!, { epoch: EPOCH, offset: 2 });
    third.answer(third.requests[0]!, { epoch: EPOCH, offset: 1 });
    await pass(1);
    expect([...old.outcomes, ...young.outcomes]).toEqual(['BACKEND_NO_ANSWER', 1]);
  });

  it('stay with one of two that both leave', async () => {
    const all = workers(2);
    for (const worker of all) worker.sayJson(0, TrunkKind.Drain, { reason: 'deploy', deadlineMs: 10_000 });
    publish('a');
    await pass(3000);
    const { taker, others } = takerOf(all);
    expect(textsOf(taker)).toEqual(['a']);
    expect(others.flatMap(textsOf)).toEqual([]);
  });
});

/** Shared state: knows keys, and the order in which things were published. */
class Store {
  readonly log: string[] = [];
  readonly #offsets = new Map<string, number>();

  publish(key: string, text: string): number {
    const known = this.#offsets.get(key);
    if (known !== undefined) return known;
    this.#offsets.set(key, this.log.push(text));
    return this.log.length;
  }
}

/** A worker that publishes in order, and answers when it is told to. */
class SlowWorker {
  readonly fake: FakeWorker;
  readonly #store: Store;
  readonly #unheard: Uint8Array[] = [];
  #published = 0;
  readonly #answers: { readonly request: FakeRequest; readonly offset: number }[] = [];

  constructor(backend: ReturnType<typeof createBackend>, store: Store) {
    this.#store = store;
    this.fake = FakeWorker.connect(backend, {
      name: 'w'.repeat(16),
    });
  }

  /** A lost one may still have requests in hand. */
  publishNext(): void {
    const request = this.fake.requests[this.#published];
    if (request === undefined) return;
    this.#published += 1;
    this.#answers.push({ request, offset: this.#store.publish(String(request.body['key']), textOf(request)) });
  }

  answerNext(): void {
    const answer = this.#answers.shift();
    if (answer !== undefined) this.fake.answer(answer.request, { epoch: EPOCH, offset: answer.offset });
  }

  catchUp(): void {
    for (let i = 0; i < 5; i += 1) {
      this.publishNext();
      this.answerNext();
    }
  }

  lose(): void {
    this.fake.transport.lose();
  }

  /** It is stopped; what it says is heard when it goes on. */
  mute(): void {
    this.fake.transport.deliver = (batch) => void this.#unheard.push(batch);
  }

  unmute(): void {
    Reflect.deleteProperty(this.fake.transport, 'deliver');
    for (const batch of this.#unheard.splice(0)) this.fake.transport.deliver(batch);
  }

  leave(): void {
    this.fake.sayJson(0, TrunkKind.Drain, { reason: 'deploy', deadlineMs: 10_000 });
  }
}

const step = fc.oneof(
  { weight: 6, arbitrary: fc.constant({ kind: 'publish' as const }) },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('store' as const), worker: fc.nat(5) }) },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('answer' as const), worker: fc.nat(5) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('lose' as const), worker: fc.nat(5) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('mute' as const), worker: fc.nat(5) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('unmute' as const), worker: fc.nat(5) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('leave' as const), worker: fc.nat(5) }) },
  { weight: 2, arbitrary: fc.constant({ kind: 'connect' as const }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('pass' as const), ms: fc.nat(1500) }) },
);

describe('over a store that knows keys', () => {
  it('each message is published at most once, where it was said to be, and in the order of calling unless it failed', async () => {
    let repeats = 0;
    let answered = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60, size: 'max' }), async (steps) => {
        const backend = createBackend({ secret: 'secret', signals: false });
        const store = new Store();
        const all = [new SlowWorker(backend, store)];
        const outcomes = new Map<string, number | string>();
        let count = 0;
        for (const taken of steps) {
          const worker = 'worker' in taken ? all[taken.worker % all.length] : undefined;
          if (taken.kind === 'publish') {
            const text = String((count += 1)).padStart(3, '0');
            backend.publish('room', text).then(
              ({ offset }) => outcomes.set(text, offset),
              ({ code }) => outcomes.set(text, code),
            );
          } else if (taken.kind === 'store') worker?.publishNext();
          else if (taken.kind === 'answer') worker?.answerNext();
          else if (taken.kind === 'lose') worker?.lose();
          else if (taken.kind === 'mute') worker?.mute();
          else if (taken.kind === 'unmute') worker?.unmute();
          else if (taken.kind === 'leave') worker?.leave();
          else if (taken.kind === 'connect') all.push(new SlowWorker(backend, store));
          await pass(taken.kind === 'pass' ? taken.ms : 0);
        }
        // A worker that works, at last.
        all.push(new SlowWorker(backend, store));
        for (let i = 0; i < 60; i += 1) {
          for (const worker of all) worker.catchUp();
          await pass(250);
        }
        repeats += all.reduce((sum, { fake }) => sum + fake.requests.length, 0) - count;
        expect(outcomes.size).toBe(count);
        // One that failed may have been published at any later time.
        const sure = store.log.filter((text) => typeof outcomes.get(text) === 'number');
        expect(sure).toEqual(sure.toSorted());
        expect(new Set(store.log).size).toBe(store.log.length);
        for (const [text, outcome] of outcomes) {
          if (typeof outcome === 'number') {
            answered += 1;
            expect(store.log[outcome - 1]).toBe(text);
          } else if (outcome === 'BACKEND_NO_WORKER') expect(store.log).not.toContain(text);
          else expect(outcome).toBe('BACKEND_NO_ANSWER');
        }
        await backend.close();
      }),
      { numRuns: 150, endOnFailure: true },
    );
    // Otherwise nothing was tried.
    expect(repeats).toBeGreaterThan(50);
    expect(answered).toBeGreaterThan(500);
  });
});
