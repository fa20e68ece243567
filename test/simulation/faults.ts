/** Lets a fault happen to a world, and what ends it. A fault that finds nothing to act on does nothing. */
import type { BackendActor } from './actors/backend-actor.js';
import type { WorkerActor } from './actors/worker-actor.js';
import type { Link } from './link.js';
import type { SimProcess } from './process.js';
import { type Cut, describeFault, type Index, MOVES_WITHIN_MS, type TimedFault } from './schedule.js';
import type { World } from './world.js';

/** A place where processes live, one after another. */
export interface Place {
  readonly process: SimProcess;
  start(): void;
}

/** A place whose process can end in order. */
interface Drainable extends Place {
  readonly name: string;
  drain(): Promise<void>;
}

/** One that does not end by itself is killed. */
const DRAIN_MS = 8000;
/** Nor does one wait longer than this for its last connection to be closed at both ends. */
const LINGER_MS = 2000;
const LOOK_EVERY_MS = 20;

/** It will strike when its time has come. */
export function arm(world: World, fault: TimedFault): void {
  const { clock } = world;
  const { atMs, onMoveMs } = fault;
  const come = onMoveMs === undefined ? () => strike(world, fault) : () => lieInWait(world, { ...fault, onMoveMs });
  clock.schedule(clock.nobody, atMs, come);
}

/** When all is over that it does, at the latest. */
export function endOf(fault: TimedFault): number {
  const waitsMs = fault.onMoveMs === undefined ? 0 : MOVES_WITHIN_MS + fault.onMoveMs;
  return fault.atMs + waitsMs + ('forMs' in fault ? fault.forMs : 0);
}

function lieInWait(world: World, fault: TimedFault & { readonly onMoveMs: number }): void {
  const { clock, clients, network } = world;
  const look = (): void => {
    const connections = network.between(clients[0]!.name).filter(({ dialler }) => !dialler.isClosed);
    if (connections.length > 1) clock.schedule(clock.nobody, fault.onMoveMs, () => strike(world, fault));
    else if (clock.nowMs < fault.atMs + MOVES_WITHIN_MS) clock.schedule(clock.nobody, LOOK_EVERY_MS, look);
  };
  look();
}

function strike(world: World, fault: TimedFault): void {
  world.note('fault', describeFault(fault));
  const { clock, clients, network, state } = world;
  const after = (forMs: number, act: () => void): void => void clock.schedule(clock.nobody, forMs, act);
  switch (fault.kind) {
    case 'cutClient':
      return network.between(clients[fault.client]!.name).forEach((link) => cut(link, fault.how));
    case 'stallClient':
      return stall(network.between(clients[fault.client]!.name), (release) => after(fault.forMs, release));
    case 'pauseClient':
      return pause(world, clients[fault.client]!.process, (resume) => after(fault.forMs, resume));
    case 'reconnectClient':
      return void clock.schedule(clients[fault.client]!.process, 0, () => clients[fault.client]!.reconnect());
    case 'swallow':
      return network.between(clients[fault.client]!.name).forEach((link) => link.tamper(fault.way, 0));
    case 'double':
      return network.between(clients[fault.client]!.name).forEach((link) => link.tamper(fault.way, 2));
    case 'killWorker':
      return end(workerOf(world, fault.worker), (start) => after(fault.forMs, start));
    case 'pauseWorker':
      return pause(world, workerOf(world, fault.worker).process, (resume) => after(fault.forMs, resume));
    case 'drainWorker':
      return drain(world, workerOf(world, fault.worker), (start) => after(fault.forMs, start));
    case 'killBackend':
      return end(backendOf(world, fault.backend), (start) => after(fault.forMs, start));
    case 'pauseBackend':
      return pause(world, backendOf(world, fault.backend).process, (resume) => after(fault.forMs, resume));
    case 'drainBackend':
      return drain(world, backendOf(world, fault.backend), (start) => after(fault.forMs, start));
    case 'evictBackend':
      return evict(world, backendOf(world, fault.backend), (end) => after(fault.forMs, end));
    case 'cutTrunk':
      return trunksOf(world, fault).forEach((link) => cut(link, fault.how));
    case 'stallTrunk':
      return stall(trunksOf(world, fault), (release) => after(fault.forMs, release));
    case 'slowNetwork':
      network.delayMs = fault.delayMs;
      return after(fault.forMs, () => network.hurry());
    case 'stateOutage':
      state.outage = fault.how;
      return after(fault.forMs, () => (state.outage = undefined));
  }
}

function workerOf({ workers, clients, network }: World, index: Index): WorkerActor {
  if (index !== 'serving') return workers[index]!;
  const [link] = network.between(clients[0]!.name);
  return workers.find(({ name }) => link?.joins(name) === true) ?? workers[0]!;
}

function backendOf({ backends, clients, ledger }: World, index: Index): BackendActor {
  if (index !== 'serving') return backends[index]!;
  const name = ledger.ownerOf(clients[0]!.name)?.start.backend;
  return backends.find((backend) => name?.startsWith(backend.name)) ?? backends[0]!;
}

function trunksOf(world: World, { worker, backend }: { worker: Index; backend: Index }): readonly Link[] {
  return world.network.between(workerOf(world, worker).name, backendOf(world, backend).name);
}

/** Everything works from here on, and everybody is there. */
export function healAll({ network, state, clients, workers, backends, clock }: World): void {
  network.heal();
  state.outage = undefined;
  for (const worker of workers) for (const { name } of backends) worker.setState(name, 'ready');
  for (const { process } of [...clients, ...workers, ...backends]) process.resume(false);
  for (const place of [...workers, ...backends]) if (place.process.state === 'dead') place.start();
  clock.schedule(clock.nobody, 0, () => undefined);
}

function cut(link: Link, how: Cut): void {
  if (how === 'reset') link.reset();
  else link.silence(how === 'silent' ? undefined : how);
}

function stall(links: readonly Link[], later: (release: () => void) => void): void {
  for (const link of links) link.stall();
  later(() => links.forEach((link) => link.release()));
}

function pause(world: World, process: SimProcess, later: (resume: () => void) => void): void {
  if (process.state !== 'running') return;
  process.pause();
  const areTimersFirst = world.randomOf(`${process.name} at ${world.clock.nowMs}`).chance(0.5);
  later(() => process.resume(areTimersFirst));
}

function end(place: Place, later: (start: () => void) => void): void {
  if (place.process.state === 'dead') return;
  place.process.kill();
  later(() => {
    if (place.process.state === 'dead') place.start();
  });
}

/** By the word of an operator, which every worker hears. */
function evict({ workers }: World, { name }: BackendActor, later: (end: () => void) => void): void {
  for (const worker of workers) worker.setState(name, 'draining');
  later(() => workers.forEach((worker) => worker.setState(name, 'ready')));
}

/** A process that ends in order stays until its connections are closed at both ends. */
function drain(world: World, place: Drainable, later: (start: () => void) => void): void {
  const { clock, network } = world;
  const { process } = place;
  const leave = (): void => {
    if (place.process !== process || process.state === 'dead') return;
    world.note(place.name, 'ends');
    end(place, later);
  };
  const linger = (links: readonly Link[], untilMs: number): void => {
    if (clock.nowMs >= untilMs || links.every(({ isOver }) => isOver)) leave();
    else clock.schedule(clock.nobody, LOOK_EVERY_MS, () => linger(links, untilMs));
  };
  const drained = (): void => linger(network.between(place.name), clock.nowMs + LINGER_MS);
  clock.schedule(process, 0, () => void place.drain().then(() => clock.schedule(clock.nobody, 0, drained)));
  clock.schedule(clock.nobody, DRAIN_MS, leave);
}
