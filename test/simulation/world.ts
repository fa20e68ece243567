/**
 * Everything of one run: the clock, the network, shared state, and the processes on them. Made from a schedule; see run.ts
 * for what happens in it.
 */
import { BackendActor } from './actors/backend-actor.js';
import { ClientActor } from './actors/client-actor.js';
import { SimState } from './actors/sim-state.js';
import { WorkerActor } from './actors/worker-actor.js';
import { Clock } from './clock.js';
import { Ledger } from './ledger.js';
import { Network } from './network.js';
import { Random } from './random.js';
import { allowanceOf, BACKENDS, type Schedule, WORKERS } from './schedule.js';
import { Trace } from './trace.js';

export class World {
  readonly schedule: Schedule;
  readonly trace: Trace = new Trace();
  readonly ledger: Ledger;
  readonly clock: Clock;
  readonly network: Network;
  readonly state: SimState;
  readonly workerNames: readonly string[] = namesOf('worker', WORKERS);
  readonly backendNames: readonly string[] = namesOf('backend', BACKENDS);
  readonly backends: readonly BackendActor[];
  readonly workers: readonly WorkerActor[];
  readonly clients: readonly ClientActor[];
  /** Do the applications send? */
  isTalking = true;

  constructor(schedule: Schedule) {
    this.schedule = schedule;
    this.ledger = new Ledger(allowanceOf(schedule));
    const { trace, ledger } = this;
    this.clock = new Clock(({ name }, error) => ledger.broke('crash', name, describe(error)));
    const { clock } = this;
    this.network = new Network(clock, this.randomOf('network'), trace);
    this.state = new SimState({ clock, random: this.randomOf('state'), ledger, trace });
    this.backends = this.backendNames.map((name) => new BackendActor(this, name));
    this.workers = this.workerNames.map((name) => new WorkerActor(this, name));
    this.clients = namesOf('client', schedule.clients).map((name) => new ClientActor(this, name));
  }

  randomOf(name: string): Random {
    return new Random(this.schedule.seed, name);
  }

  note(who: string, what: string, detail?: string): void {
    this.trace.add({ atMs: this.clock.nowMs, who, what, detail: detail === undefined ? undefined : () => detail });
  }
}

function namesOf(kind: string, count: number): readonly string[] {
  return Array.from({ length: count }, (_, i) => `${kind}-${i + 1}`);
}

function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
