/**
 * Does the simulation see anything? Each guard of the product is switched off in turn, by patching it from here, and some
 * schedule has to find that an invariant is broken.
 */
import type * as Protocol from '@holdfast/protocol';
import { Inbox, Outbox } from '@holdfast/protocol';
import { EmbeddedStore } from '@holdfast/state';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { Exchange } from '../../packages/backend/src/exchange.js';
import { SessionCore } from '../../packages/backend/src/session-core.js';
import { TrunkSet } from '../../packages/backend/src/trunk-set.js';
import { runSchedule } from './run.js';
import { scheduleOf } from './schedule.js';

const off = vi.hoisted(() => ({ generationCheck: false }));

vi.mock('@holdfast/protocol', async (original) => {
  const protocol = await original<typeof Protocol>();
  const supersedes: typeof protocol.supersedes = (...args) => off.generationCheck || protocol.supersedes(...args);
  return { ...protocol, supersedes };
});

type Sessions = EmbeddedStore['sessions'];
const probe = new EmbeddedStore();
const storePrototype = Object.getPrototypeOf(probe.sessions) as Sessions;
probe.close();

const MAX_SCHEDULES = 600;
const FIRST_SEED = 0;

const restores: (() => void)[] = [];

afterEach(() => {
  for (const restore of restores.splice(0)) restore();
  off.generationCheck = false;
});

/** Replaces a method; `method` is the one that was there. */
function patch<T extends object, K extends keyof T & string>(target: T, name: K, make: (method: T[K]) => T[K]): void {
  redefine(target, name, { value: make(target[name]) });
}

function patchGetter<T extends object, K extends keyof T & string>(target: T, name: K, value: T[K]): void {
  redefine(target, name, { get: () => value });
}

function redefine(target: object, name: string, change: PropertyDescriptor): void {
  const before = Object.getOwnPropertyDescriptor(target, name)!;
  Object.defineProperty(target, name, { configurable: true, ...change });
  restores.push(() => Object.defineProperty(target, name, before));
}

const MUTANTS: Readonly<Record<string, () => void>> = {
  'the generation check of backends': () => {
    off.generationCheck = true;
  },
  'the check that the next number comes next': () =>
    patch(
      Inbox.prototype,
      'accept',
      (accept) =>
        function skip(this: Inbox, n, bytes) {
          while (n > this.last + 1) accept.call(this, this.last + 1, 0);
          return accept.call(this, n, bytes);
        },
    ),
  'the drop of repeats': () =>
    patch(
      Inbox.prototype,
      'accept',
      (accept) =>
        function repeat(this: Inbox, n, bytes) {
          const arrival = accept.call(this, n, bytes);
          return arrival === 'repeat' ? 'deliver' : arrival;
        },
    ),
  'keeping messages until they are acknowledged': () =>
    patch(
      Outbox.prototype,
      'acknowledge',
      (acknowledge) =>
        function tooMuch(this: Outbox<unknown>, n) {
          return acknowledge.call(this, Math.max(n, this.sent));
        },
    ),
  'sending again after a resume': () => patch(Outbox.prototype, 'rewind', () => () => undefined),
  "the store's fence for parking": () =>
    patch(
      storePrototype,
      'park',
      (park) =>
        function unfenced(this: Sessions, request) {
          const generation = Math.max(request.generation, this.lookup(request.sessionId)?.generation ?? 0);
          return park.call(this, { ...request, generation });
        },
    ),
  "the store's fence for commits": () =>
    patch(
      storePrototype,
      'commit',
      (commit) =>
        function unfenced(this: Sessions, request) {
          const generation = Math.max(request.generation, this.lookup(request.sessionId)?.generation ?? 0);
          return commit.call(this, { ...request, generation });
        },
    ),
  'the flag of repeats': () => patchGetter(SessionCore.prototype, 'redeliveredUpTo', 0),
  'the check of backends for pauses of their own': () => patchGetter(TrunkSet.prototype, 'shortestStaleMs', Infinity),
  'the tail of a session that is handed over': () => patchGetter(Exchange.prototype, 'tail', []),
};

describe('the simulation', () => {
  it.each(Object.keys(MUTANTS))('finds %s switched off', async (name) => {
    MUTANTS[name]?.();
    const found = await firstViolation();
    console.log(`without ${name}: ${found}`);
    expect(found).toBeDefined();
  });
});

async function firstViolation(): Promise<string | undefined> {
  for (let seed = FIRST_SEED; seed < FIRST_SEED + MAX_SCHEDULES; seed += 1) {
    const { violations } = await runSchedule(scheduleOf(seed));
    if (violations.length > 0) return `seed ${seed}: ${violations[0]}`;
  }
  return undefined;
}
