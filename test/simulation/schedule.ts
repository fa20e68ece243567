/**
 * What happens in a run, made from its seed: who there is, how they talk, and which faults they meet when. Plain data, so
 * that a failing schedule can be tried again with some of its faults left out.
 */
import type { Allowance } from './ledger.js';
import { Random } from './random.js';
import { MILD_STORY_NAMES, STORY_NAMES, type StoryName, tellStory } from './stories.js';

export type Fault =
  | { readonly kind: 'cutClient'; readonly client: number; readonly how: Cut }
  | { readonly kind: 'stallClient'; readonly client: number; readonly forMs: number }
  | { readonly kind: 'pauseClient'; readonly client: number; readonly forMs: number }
  | { readonly kind: 'reconnectClient'; readonly client: number }
  | { readonly kind: 'swallow' | 'double'; readonly client: number; readonly way: Way }
  | { readonly kind: 'killWorker' | 'pauseWorker' | 'drainWorker'; readonly worker: Index; readonly forMs: number }
  /** evict: its sessions are to leave it, by the word of an operator; it stays. */
  | {
      readonly kind: 'killBackend' | 'pauseBackend' | 'drainBackend' | 'evictBackend';
      readonly backend: Index;
      readonly forMs: number;
    }
  | { readonly kind: 'cutTrunk'; readonly worker: Index; readonly backend: Index; readonly how: Cut }
  | { readonly kind: 'stallTrunk'; readonly worker: Index; readonly backend: Index; readonly forMs: number }
  | { readonly kind: 'slowNetwork'; readonly delayMs: number; readonly forMs: number }
  | { readonly kind: 'stateOutage'; readonly how: Outage; readonly forMs: number };

/** Serving: of the first client, when the fault strikes. Its faults then meet at one place, as troubles do. */
export type Index = number | 'serving';
/** reset: both ends learn of it. silent: neither does. dialler, dialled: that end alone does. */
export type Cut = 'reset' | 'silent' | 'dialler' | 'dialled';
/** Of a message that never arrives, or twice, though its connection stands: the fault of something in between. */
export type Way = 'up' | 'down';
/** refuse: nothing happens. forget: it happens, and the answer is lost. hang: no answer at all, whether it happens or not. lossy: now and then one of these. */
export type Outage = 'refuse' | 'forget' | 'hang' | 'lossy';

export type TimedFault = Fault & {
  readonly atMs: number;
  /** From `atMs` on it waits for the first client to open a second connection, and then so long. Without: it waits for nothing. */
  readonly onMoveMs?: number;
};
/** A fault that waits for a move waits no longer. */
export const MOVES_WITHIN_MS = 6000;

export interface Schedule {
  readonly seed: number;
  readonly story: StoryName | undefined;
  /** It has one fault, or only such as destroy nothing: more is asked of the product. */
  readonly isMild: boolean;
  readonly clients: number;
  /** Messages a second, of each client and of each session at a backend. */
  readonly rate: number;
  readonly windowMs: number;
  readonly acknowledge: 'handled' | 'committed';
  /** Share of handlers that take time. */
  readonly slowHandlers: number;
  readonly faults: readonly TimedFault[];
}

export const WORKERS = 2;
export const BACKENDS = 2;
const KINDS: readonly Fault['kind'][] = [
  'cutClient',
  'stallClient',
  'pauseClient',
  'reconnectClient',
  'swallow',
  'double',
  'killWorker',
  'pauseWorker',
  'drainWorker',
  'killBackend',
  'pauseBackend',
  'drainBackend',
  'evictBackend',
  'cutTrunk',
  'stallTrunk',
  'slowNetwork',
  'stateOutage',
];
/** Whoever has something that somebody waits for lives on, and is heard in the end. */
const MILD: readonly Fault['kind'][] = ['cutClient', 'stallClient', 'reconnectClient', 'drainBackend', 'evictBackend'];
/** Only where it is the one fault: what acknowledges is taken to have come after what it acknowledges. */
const ALONE: ReadonlySet<Fault['kind']> = new Set(['swallow', 'double']);
const SHARED = KINDS.filter((kind) => !ALONE.has(kind));
/** Sessions are open by then. */
const FIRST_FAULT_MS = 600;

/** After every other schedule nothing may be lost. */
export function scheduleOf(seed: number): Schedule {
  const random = new Random(seed, 'schedule');
  const isMild = seed % 2 === 0;
  const clients = random.between(1, 3);
  const spanMs = random.pick([500, 2000, 8000]);
  const chance = (count: number, kinds: readonly Fault['kind'][]): readonly TimedFault[] =>
    Array.from({ length: count }, () => ({ ...faultOf(random, kinds, clients), atMs: random.between(0, spanMs) }));
  const story = random.chance(0.4) ? random.pick(isMild ? MILD_STORY_NAMES : STORY_NAMES) : undefined;
  const others = isMild ? MILD : SHARED;
  const isSingle = isMild && story === undefined && random.chance(0.6);
  const faults = isSingle
    ? chance(1, KINDS)
    : story
      ? [...tellStory(story, random), ...chance(random.between(0, 2), others)]
      : chance(random.between(2, 6), others);
  return {
    seed,
    story,
    isMild,
    clients,
    rate: random.pick([2, 8, 30]),
    windowMs: !isMild && random.chance(0.2) ? 6000 : 120_000,
    acknowledge: random.chance(0.25) ? 'committed' : 'handled',
    slowHandlers: random.pick([0, 0.3, 1]),
    faults: faults
      .map((fault) => ({ ...fault, atMs: FIRST_FAULT_MS + fault.atMs }))
      .toSorted((one, other) => one.atMs - other.atMs),
  };
}

function faultOf(random: Random, kinds: readonly Fault['kind'][], clients: number): Fault {
  const kind = random.pick(kinds);
  const client = random.chance(0.5) ? 0 : random.between(0, clients - 1);
  const worker = indexOf(random, WORKERS);
  const backend = indexOf(random, BACKENDS);
  const how = random.pick<Cut>(['reset', 'silent', 'dialler', 'dialled']);
  const forMs = random.pick([random.between(20, 500), random.between(500, 5000), random.between(5000, 12_000)]);
  switch (kind) {
    case 'cutClient':
      return { kind, client, how };
    case 'stallClient':
    case 'pauseClient':
      return { kind, client, forMs };
    case 'reconnectClient':
      return { kind, client };
    case 'swallow':
    case 'double':
      return { kind, client, way: random.pick<Way>(['up', 'down']) };
    case 'killWorker':
    case 'pauseWorker':
    case 'drainWorker':
      return { kind, worker, forMs };
    case 'killBackend':
    case 'pauseBackend':
    case 'drainBackend':
    case 'evictBackend':
      return { kind, backend, forMs };
    case 'cutTrunk':
      return { kind, worker, backend, how };
    case 'stallTrunk':
      return { kind, worker, backend, forMs };
    case 'slowNetwork':
      return { kind, delayMs: random.between(20, 400), forMs };
    case 'stateOutage':
      return { kind, how: random.pick<Outage>(['refuse', 'forget', 'hang', 'lossy']), forMs };
  }
}

function indexOf(random: Random, count: number): Index {
  return random.chance(0.5) ? 'serving' : random.between(0, count - 1);
}

/** A worker hears of its backends every other second, and gives up those that it has not heard of for six. */
const SEEMS_DEAD_AFTER_MS = 4000;

/** Does a backend die of it, as far as others can tell? Only then may a handler see what another backend has handled. */
function isDeath(fault: Fault): boolean {
  return fault.kind === 'killBackend' || (fault.kind === 'pauseBackend' && fault.forMs > SEEMS_DEAD_AFTER_MS);
}

/** Workers that began together know of each other by then; before, one that drains has nobody to send its clients to. */
const FLEET_IS_KNOWN_MS = 2500;
/** Faults behind the worker: its clients learn that something happened, and stay connected. */
const BEHIND: ReadonlySet<Fault['kind']> = new Set([
  'killBackend',
  'pauseBackend',
  'drainBackend',
  'evictBackend',
  'cutTrunk',
  'stallTrunk',
  'stateOutage',
]);

/** May clients lose a connection by it? One that drains its worker has them open another one first. */
function isDisconnecting({ kind, atMs }: TimedFault): boolean {
  return kind === 'drainWorker' ? atMs < FLEET_IS_KNOWN_MS : !BEHIND.has(kind);
}

export function allowanceOf({ faults, acknowledge, isMild }: Schedule): Allowance {
  return {
    loss: !isMild,
    repeats: !isMild || faults.some(isDeath),
    disconnects: !isMild || faults.some(isDisconnecting),
    isCommitting: acknowledge === 'committed',
  };
}

export function describeFault({ atMs, kind, ...rest }: TimedFault): string {
  const details = Object.entries(rest).map(([name, value]) => `${name} ${value}`);
  return `at ${atMs} ms: ${kind} ${details.join(', ')}`;
}
