/**
 * A backend: the real SDK, and an application on it (application.ts). Killed and started again, it is the same place with
 * another life.
 */
import { type Backend, createBackend } from '@holdfast/backend';
import { SimProcess } from '../process.js';
import type { World } from '../world.js';
import { Application } from './application.js';
import { OpenedSessions } from './opened-sessions.js';
import { SECRET } from './pool-config.js';
import { SimTrunkTransport } from './sim-trunk.js';

const DRAIN_MS = 5000;

export class BackendActor {
  readonly name: string;
  process: SimProcess;
  readonly #world: World;
  #life = 0;
  #backend: Backend | undefined;
  #application: Application | undefined;

  constructor(world: World, name: string) {
    this.#world = world;
    this.name = name;
    this.process = this.#begin();
  }

  /** Another life of it. */
  start(): void {
    this.process = this.#begin();
  }

  async drain(): Promise<void> {
    await this.#backend?.drain({ timeoutMs: DRAIN_MS });
  }

  farewell(): void {
    this.#application?.farewell();
  }

  #begin(): SimProcess {
    const { clock, network } = this.#world;
    this.#life += 1;
    const life = `${this.name}.${this.#life}`;
    const process = new SimProcess(this.name, clock);
    clock.schedule(process, 0, () => {
      const opened = new OpenedSessions((what) => this.#world.ledger.broke('I4', life, `opened ${what}`));
      const backend = this.#create(life, process, opened);
      this.#backend = backend;
      network.listen(process, ({ end }) => {
        const transport = new SimTrunkTransport(end);
        end.accept('');
        backend.acceptTrunk(transport);
        opened.watch(transport);
      });
    });
    return process;
  }

  #create(life: string, process: SimProcess, opened: OpenedSessions): Backend {
    const { schedule, ledger } = this.#world;
    const random = this.#world.randomOf(life);
    const backend = createBackend({
      secret: SECRET,
      signals: false,
      acknowledge: schedule.acknowledge,
      random: (count) => random.bytes(count),
    });
    const application = new Application(this.#world, life, random);
    this.#application = application;
    const isDead = (): boolean => process.state === 'dead';
    backend.on('session', (session, { cause }) => {
      const first = opened.generationOf(session.id);
      // What this backend is given of the session after that has another owner.
      let last: number | undefined;
      session.on('close', () => (last = Math.max(first, opened.answeredOf(session.id))));
      const generation = (): number => last ?? opened.generationOf(session.id);
      application.serve(session, { backend: life, cause, generation, isDead });
    });
    backend.on('error', (error) => ledger.broke('crash', life, error.stack ?? error.message));
    return backend;
  }
}
