/**
 * Troubles that belong together: chance alone would bring them to one place at one moment too rarely. Each makes the faults of
 * one story, in milliseconds from its beginning; what else happens meanwhile is the schedule's.
 */
import type { Random } from './random.js';
import type { Cut, Outage, TimedFault } from './schedule.js';

type Story = (random: Random) => readonly TimedFault[];

const SERVING = { worker: 'serving', backend: 'serving' } as const;

/** The client is told to go to another worker, and its backend dies while it is on its way. */
const moveMeetsCrash: Story = (random) => [
  { atMs: 0, kind: 'slowNetwork', delayMs: random.between(50, 300), forMs: 6000 },
  { atMs: 10, kind: 'drainWorker', worker: 'serving', forMs: 500 },
  {
    atMs: 20,
    onMoveMs: random.between(0, 1200),
    kind: 'killBackend',
    backend: 'serving',
    forMs: random.between(100, 3000),
  },
];

/** A session is handed over, and its new backend dies before the client, whose network stands still, has said how far it got. */
const heirDies: Story = (random) => [
  { atMs: 0, kind: 'stallClient', client: 0, forMs: random.between(800, 3000) },
  { atMs: random.between(20, 200), kind: 'drainBackend', backend: 'serving', forMs: random.between(20, 500) },
  { atMs: random.between(400, 2500), kind: 'killBackend', backend: 'serving', forMs: random.between(100, 3000) },
];

/** The client gives up on a worker whose open is still on its way, and resumes at another one. */
const openIsOvertaken: Story = (random) => [
  { atMs: 0, kind: 'stallTrunk', ...SERVING, forMs: random.between(1500, 5000) },
  { atMs: 20, kind: 'cutClient', client: 0, how: 'reset' },
  { atMs: random.between(200, 700), kind: 'cutClient', client: 0, how: 'reset' },
  { atMs: random.between(700, 1500), kind: 'cutClient', client: 0, how: 'reset' },
];

/** A worker sleeps while its client goes elsewhere, and does not hear of it when it wakes. */
const workerWakes: Story = (random) => [
  { atMs: 0, kind: 'cutClient', client: 0, how: 'dialler' },
  { atMs: 1, kind: 'pauseWorker', worker: 'serving', forMs: random.between(6000, 9000) },
  { atMs: 2, kind: 'cutTrunk', ...SERVING, how: random.pick<Cut>(['reset', 'dialler', 'silent']) },
];

/** A backend sleeps until its sessions are elsewhere, with messages in its sockets. */
const backendWakes: Story = (random) => [
  { atMs: 0, kind: 'pauseBackend', backend: 'serving', forMs: random.between(6000, 12_000) },
  { atMs: random.between(0, 9000), kind: 'cutClient', client: 0, how: 'reset' },
];

/** The client is away, what it misses is parked, and then its backend is gone. */
const backendDiesAlone: Story = (random) => {
  const atMs = random.between(100, 2500);
  const forMs = random.between(100, 4000);
  return [
    { atMs: 0, kind: 'cutClient', client: 0, how: 'dialled' },
    { atMs: 1, kind: 'pauseClient', client: 0, forMs: random.between(500, 4000) },
    { atMs, kind: random.chance(0.5) ? 'killBackend' : 'drainBackend', backend: 'serving', forMs },
  ];
};

/** Nobody can be asked who has the session. */
const nobodyKnows: Story = (random) => {
  const how = random.pick<Outage>(['refuse', 'hang', 'lossy', 'forget']);
  const gone = random.pick<'killWorker' | 'pauseWorker'>(['killWorker', 'pauseWorker']);
  const lost = random.pick<'killBackend' | 'pauseBackend' | 'drainBackend'>([
    'killBackend',
    'pauseBackend',
    'drainBackend',
  ]);
  return [
    { atMs: 0, kind: 'stateOutage', how, forMs: 6000 },
    { atMs: random.between(0, 1000), kind: gone, worker: 'serving', forMs: 3000 },
    { atMs: random.between(0, 4000), kind: lost, backend: 'serving', forMs: random.between(100, 8000) },
  ];
};

/**
 * A session moves while nobody can write that down, and the worker that knows of it dies: the record names a backend that has
 * an older copy of the session, and is alive.
 */
const recordIsBehind: Story = (random) => {
  const killedMs = random.between(3000, 6000);
  return [
    {
      atMs: 0,
      kind: 'stateOutage',
      how: random.pick<Outage>(['refuse', 'hang']),
      forMs: killedMs + random.between(-50, 100),
    },
    { atMs: 10, kind: 'pauseBackend', backend: 'serving', forMs: random.between(1800, killedMs) },
    { atMs: 11, kind: 'cutTrunk', ...SERVING, how: random.pick<Cut>(['reset', 'dialler']) },
    { atMs: killedMs, kind: 'killWorker', worker: 'serving', forMs: random.between(100, 3000) },
  ];
};

/** A session is on its way to another backend when its client loses the connection, and comes back somewhere else. */
const handoverMeetsCut: Story = (random) => {
  const kind = random.pick<'drainBackend' | 'evictBackend'>(['drainBackend', 'evictBackend']);
  return [
    { atMs: 0, kind: 'slowNetwork', delayMs: random.between(5, 100), forMs: 4000 },
    { atMs: 10, kind, backend: 'serving', forMs: random.between(500, 3000) },
    { atMs: random.between(10, 1500), kind: 'cutClient', client: 0, how: random.pick<Cut>(['reset', 'dialled']) },
  ];
};

/** Of these nothing may be lost. */
const MILD_STORIES = { handoverMeetsCut } satisfies Record<string, Story>;

const STORIES = {
  ...MILD_STORIES,
  moveMeetsCrash,
  heirDies,
  openIsOvertaken,
  workerWakes,
  backendWakes,
  backendDiesAlone,
  nobodyKnows,
  recordIsBehind,
} satisfies Record<string, Story>;

export type StoryName = keyof typeof STORIES;

export const STORY_NAMES: readonly StoryName[] = Object.keys(STORIES) as StoryName[];

export const MILD_STORY_NAMES: readonly StoryName[] = Object.keys(MILD_STORIES) as StoryName[];

export function tellStory(name: StoryName, random: Random): readonly TimedFault[] {
  return STORIES[name](random);
}
