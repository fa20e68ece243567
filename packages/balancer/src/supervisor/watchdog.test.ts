import { pino } from 'pino';
import { expect, it } from 'vitest';
import { type Watched, Watchdog } from './watchdog.js';
import type { WorkerStateName } from './worker-state.js';

it('takes a worker for blocked after five unanswered pings, once', () => {
  const { dog, worker, events } = stage();
  tick(dog, 5);
  expect(dog.isBlocked(1)).toBe(false);
  tick(dog, 10);
  expect(dog.isBlocked(1)).toBe(true);
  expect(events).toEqual(['blocked']);
  dog.onPong(1);
  expect(dog.isBlocked(1)).toBe(false);
  expect(worker.pings).toBe(15);
});

it('kills it after twenty', () => {
  const { dog, events } = stage();
  tick(dog, 20);
  expect(events).toEqual(['blocked']);
  tick(dog, 1);
  expect(events).toEqual(['blocked', 'killed']);
});

it('leaves one alone that answers', () => {
  const { dog, events } = stage();
  for (let n = 0; n < 100; n += 1) {
    dog.tick();
    dog.onPong(1);
  }
  expect(events).toEqual([]);
});

it('does not ping one that is starting, but ends it when it takes too long', () => {
  const { dog, worker, events } = stage('starting');
  tick(dog, 20);
  expect([worker.pings, dog.isBlocked(1), events]).toEqual([0, false, []]);
  tick(dog, 1);
  expect(events).toEqual(['killed']);
});

it('counts anew for another process and for another phase', () => {
  const { dog, worker, events } = stage('starting');
  tick(dog, 19);
  worker.become('listening');
  tick(dog, 4);
  worker.pid = 8;
  tick(dog, 4);
  expect([events, dog.isBlocked(1)]).toEqual([[], false]);
});

it.each(['backoff', 'stopped'] as const)('has nothing to watch in %s', (name) => {
  const { dog, worker, events } = stage(name);
  tick(dog, 50);
  expect([worker.pings, events]).toEqual([0, []]);
});

function tick(dog: Watchdog, times: number): void {
  for (let n = 0; n < times; n += 1) dog.tick();
}

class StillWorker implements Watched {
  readonly id = 1;
  pid = 7;
  pings = 0;
  readonly #events: string[];
  #name: WorkerStateName;

  constructor(name: WorkerStateName, events: string[]) {
    this.#name = name;
    this.#events = events;
  }

  get state(): Watched['state'] {
    return { name: this.#name, since: 0, ports: [], deadline: 0, until: 0, reason: '' } as Watched['state'];
  }

  become(name: WorkerStateName): void {
    this.#name = name;
  }

  ping(): void {
    this.pings += 1;
  }

  kill(): void {
    this.#events.push('killed');
  }
}

function stage(name: WorkerStateName = 'listening'): { dog: Watchdog; worker: StillWorker; events: string[] } {
  const events: string[] = [];
  const worker = new StillWorker(name, events);
  const log = pino({ level: 'silent' });
  const dog = new Watchdog({ workers: () => [worker], log, onBlocked: () => void events.push('blocked') });
  return { dog, worker, events };
}
