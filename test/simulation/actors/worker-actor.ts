/**
 * A worker: its real sessions, trunks and pool over the simulated network and state; what is left out is the listener and the
 * supervisor. Killed and started again, it is the same place with another life.
 */
import { SESSION_SUBPROTOCOL } from '@holdfast/protocol';
import type { BackendState } from '../../../packages/worker/src/control/messages.js';
import { Traffic } from '../../../packages/worker/src/observe/traffic.js';
import { Pools } from '../../../packages/worker/src/pool/pools.js';
import { Sessions } from '../../../packages/worker/src/session/sessions.js';
import type { SessionLog } from '../../../packages/worker/src/session/session-parts.js';
import type { Incoming } from '../network.js';
import { SimProcess } from '../process.js';
import type { World } from '../world.js';
import { POOL, poolConfigOf, routeOf, SECRET } from './pool-config.js';
import { SimClientConnection } from './sim-client-connection.js';
import { dialTrunkOf } from './sim-trunk.js';

const DRAIN_MS = 5000;
const WINDOW_MS = 2000;
const SILENT = { debug: () => undefined, info: () => undefined, warn: () => undefined };
const ORIGIN = { hold: () => undefined, onBackend: () => undefined, onEnd: () => undefined };

export class WorkerActor {
  readonly name: string;
  process: SimProcess;
  readonly #world: World;
  readonly #states = new Map<string, BackendState>();
  #life = 0;
  #sessions: Sessions | undefined;
  #pools: Pools | undefined;

  constructor(world: World, name: string) {
    this.#world = world;
    this.name = name;
    this.process = this.#begin();
  }

  /** Another life of it. */
  start(): void {
    this.process = this.#begin();
  }

  /** The operator's word on a backend. */
  setState(backend: string, state: BackendState): void {
    if (this.#states.get(backend) === state) return;
    this.#states.set(backend, state);
    const { process } = this;
    this.#world.clock.schedule(process, 0, () => this.#pools && this.#tellPools(this.#pools));
  }

  /** Resolves when all clients have left, or its time is over. */
  async drain(): Promise<void> {
    this.#world.network.ignore(this.process);
    await this.#sessions?.drain({ deadlineMs: DRAIN_MS, windowMs: WINDOW_MS, hasSuccessors: false, pending: () => 0 });
    this.#sessions?.close();
  }

  #begin(): SimProcess {
    const { clock, network } = this.#world;
    this.#life += 1;
    const process = new SimProcess(this.name, clock);
    const life = `${this.name}.${this.#life}`;
    clock.schedule(process, 0, () => {
      const pools = new Pools({ random: this.#world.randomOf(`${life} pools`).next, now: Date.now });
      this.#tellPools(pools);
      const sessions = this.#create(process, pools, life);
      this.#sessions = sessions;
      this.#pools = pools;
      network.listen(process, (incoming) => admit(sessions, pools, incoming));
    });
    return process;
  }

  #tellPools(pools: Pools): void {
    const { schedule, backendNames } = this.#world;
    const backends = backendNames.map((name) => ({
      id: name,
      url: `http://${name}`,
      weight: 1,
      state: this.#states.get(name) ?? ('ready' as const),
      slowStartedAt: undefined,
    }));
    pools.update({ [POOL]: poolConfigOf(schedule) }, { [POOL]: backends });
  }

  #create(process: SimProcess, pools: Pools, life: string): Sessions {
    const { network, state, ledger } = this.#world;
    const random = this.#world.randomOf(life);
    const error = (fields: object, message: string): void => {
      const { err } = fields as { readonly err?: Error };
      ledger.broke('crash', life, `${message}: ${err?.stack ?? JSON.stringify(fields)}`);
    };
    return new Sessions(
      {
        state: state.clientOf(process),
        dial: dialTrunkOf(network, process),
        // A machine of its own: clients are sent to the others.
        balancer: this.name,
        traffic: new Traffic(),
        broadcast: { publish: () => undefined },
        verifier: { verify: () => Promise.reject(new Error('expected no route with auth in a simulation, got one')) },
        limits: { principal: () => Promise.resolve({ ok: true, slot: { release: () => undefined }, rates: [] }) },
        log: { ...SILENT, error } as unknown as SessionLog,
        random: random.next,
        randomBytes: (count) => random.bytes(count),
      },
      { pools: [pools.get(POOL)!], secrets: [SECRET], maxMessageBytes: 1024 * 1024, topics: [] },
    );
  }
}

function admit(sessions: Sessions, pools: Pools, { end, request }: Incoming): void {
  const { path } = request as { readonly path: string };
  const described = JSON.stringify({ path, query: '', headers: {}, address: '127.0.0.1' });
  const session = sessions.create({
    pool: pools.get(POOL)!,
    route: routeOf(),
    isPlain: false,
    request: described,
    origin: ORIGIN,
  });
  end.accept(SESSION_SUBPROTOCOL);
  sessions.open(session, new SimClientConnection(end, session));
}
