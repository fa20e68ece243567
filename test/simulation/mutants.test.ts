/**
 * Does the simulation see anything? Each guard of the product is switched off in turn, by patching it from here, and some
 * schedule has to find that an invariant is broken.
 */
import type * as Protocol from '@holdfast/protocol';
import { Inbox, Outbox } from '@holdfast/protocol';
import { EmbeddedStore } from '@holdfast/state';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { Exchange } from '../../packages/backend/src/exchange.js';
import { GivenAway } from '../../packages/backend/src/given-away.js';
import { SessionCore } from '../../packages/backend/src/session-core.js';
import { TrunkSet } from '../../packages/backend/src/trunk-set.js';
import { Connection } from '../../packages/client/src/connection.js';
import { Carried } from '../../packages/worker/src/session/carried.js';
import { SessionRecords } from '../../packages/worker/src/session/records.js';
import { runSchedule } from './run.js';
import { scheduleOf } from './schedule.js';
import type { StoryName } from './stories.js';

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

const MAX_SCHEDULES = Number(process.env['SEEDS'] ?? 600);
const FIRST_SEED = Number(process.env['HOLDFAST_SEED'] ?? 0);

const restores: (() => void)[] = [];

function switchAllOn(): void {
  for (const restore of restores.splice(0)) restore();
  off.generationCheck = false;
}

afterEach(switchAllOn);

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

/** Workers take the record's word for who has a session, though it was written before the session moved. */
function distrustTokens(): void {
  patch(
    SessionRecords.prototype,
    'resume',
    (resume) =>
      async function byRecord(this: SessionRecords, claims) {
        const outcome = await resume.call(this, claims);
        if (outcome.kind !== 'resumed') return outcome;
        return { ...outcome, previousGeneration: Math.max(outcome.previousGeneration, claims.generation + 1) };
      },
  );
}

/**
 * `Exchange.knows` is not here by itself. It refuses a backend's old copy of a session, and what leads there is a record that was
 * written before the session moved. Workers that believe a younger token do not follow such a record, so without `knows` alone
 * nothing breaks here; with both off it does. What is left for it takes two moves in one outage, and more backends than these two.
 */
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
  "the store's fence for moving": () =>
    patch(
      storePrototype,
      'rebind',
      (rebind) =>
        function unfenced(this: Sessions, request) {
          const expectedGeneration = this.lookup(request.sessionId)?.generation ?? request.expectedGeneration;
          return rebind.call(this, { ...request, expectedGeneration });
        },
    ),
  'the flag of repeats': () => patchGetter(SessionCore.prototype, 'redeliveredUpTo', 0),
  'the check of backends for pauses of their own': () => patchGetter(TrunkSet.prototype, 'shortestStaleMs', Infinity),
  'the standstill of a client while it moves': () => patch(Connection.prototype, 'hold', () => () => undefined),
  'the word of a token that is younger than the record': distrustTokens,
  'the word of a younger token, and the check of backends for a client that knows more': () => {
    distrustTokens();
    patch(Exchange.prototype, 'knows', () => () => true);
  },
  'the silence of an open about messages whose answers wait': () =>
    patch(
      Exchange.prototype,
      'acknowledgeOnOpen',
      () =>
        function atOnce(this: Exchange) {
          return this.acknowledgeable;
        },
    ),
  'the copy of a session that was given away': () => patch(GivenAway.prototype, 'takeBack', () => () => undefined),
  'the parking of a session whose client left on the way': () =>
    patch(Carried.prototype, 'settle', () => () => Promise.resolve()),
  'the tail of a session that is handed over': () => patchGetter(Exchange.prototype, 'tail', []),
};

/** Guards that are needed so rarely that seeds would have to be tried by the thousand: those of one story are. */
const NEEDED_IN: Readonly<Record<string, StoryName>> = {
  'the check of backends for pauses of their own': 'backendWakes',
  'the standstill of a client while it moves': 'moveMeetsCrash',
  'the word of a token that is younger than the record': 'recordIsBehind',
  'the silence of an open about messages whose answers wait': 'heirDies',
  'the copy of a session that was given away': 'handoverMeetsCut',
  'the parking of a session whose client left on the way': 'handoverMeetsCut',
};

describe('the simulation', () => {
  it.each(Object.keys(MUTANTS))('finds %s switched off', async (name) => {
    MUTANTS[name]?.();
    const found = await firstViolation(NEEDED_IN[name]);
    console.log(`without ${name}: ${found === undefined ? 'nothing found' : `seed ${found.seed}: ${found.violation}`}`);
    expect(found).toBeDefined();
    switchAllOn();
    // Or else it was not this guard's absence that was found.
    expect((await runSchedule(scheduleOf(found!.seed))).violations).toEqual([]);
  });
});

async function firstViolation(
  story: StoryName | undefined,
): Promise<{ readonly seed: number; readonly violation: string } | undefined> {
  for (let seed = FIRST_SEED, tried = 0; tried < MAX_SCHEDULES; seed += 1) {
    const schedule = scheduleOf(seed);
    if (story !== undefined && schedule.story !== story) continue;
    tried += 1;
    const [violation] = (await runSchedule(schedule)).violations;
    if (violation !== undefined) return { seed, violation };
  }
  return undefined;
}
