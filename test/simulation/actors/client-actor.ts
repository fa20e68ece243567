/** A client: the real SDK, an application that sends numbered messages, and the account of what it is told. */
import { connect, type Session } from '@holdfast/client';
import { SimProcess } from '../process.js';
import type { Random } from '../random.js';
import type { World } from '../world.js';
import { readDown, upMessage } from './messages.js';
import { webSocketOf } from './sim-websocket.js';

export class ClientActor {
  readonly name: string;
  readonly process: SimProcess;
  readonly #world: World;
  readonly #random: Random;
  #session: Session | undefined;

  constructor(world: World, name: string) {
    this.#world = world;
    this.name = name;
    this.process = new SimProcess(name, world.clock);
    this.#random = world.randomOf(name);
    world.clock.schedule(this.process, this.#random.between(0, 300), () => this.#start());
  }

  get isOpen(): boolean {
    return this.#session?.state === 'open';
  }

  get isOver(): boolean {
    return this.#session?.state === 'closed';
  }

  reconnect(): void {
    this.#session?.reconnect();
  }

  /** What comes after everything shows whether something is missing. */
  farewell(): void {
    if (this.#session !== undefined) this.#say(this.#session, this.#world.ledger.acceptedBy(this.name) + 1);
  }

  #start(): void {
    const { network, workerNames } = this.#world;
    const session = connect(
      workerNames.map((worker) => `ws://${worker}/${this.name}`),
      { webSocket: webSocketOf(network, this.process), random: this.#random.next },
    );
    this.#session = session;
    this.#listen(session);
    this.#talk(session);
  }

  #listen(session: Session): void {
    const { ledger } = this.#world;
    session.addEventListener('message', ({ data }) => {
      const down = readDown(data as string | ArrayBuffer);
      this.#world.note(this.name, `got ${down.ownerId}.${down.j}`, down.k > 0 ? `answer to ${down.k}` : 'push');
      ledger.received(this.name, session.id, down);
    });
    session.addEventListener('resumed', ({ lost }) => lost && this.#lost(lost, 'resumed'));
    session.addEventListener('rehomed', ({ lost }) => lost && this.#lost(lost, 'rehomed'));
    session.addEventListener('reset', ({ lost: { down, up } }) => {
      this.#world.note(this.name, `reset, lost ${up.length} up`, JSON.stringify(down));
      ledger.reset(this.name);
      ledger.lostUp(this.name, up.map(upNumber), 'reset');
      ledger.lostDown(this.name, 'reset');
    });
    session.addEventListener('statechange', ({ state, cause }) => {
      this.#world.note(this.name, `is ${state}`, JSON.stringify(cause));
      if (state === 'suspended') ledger.disconnected(this.name);
    });
    session.addEventListener('error', ({ error }) => this.#world.note(this.name, 'error', error.message));
    session.addEventListener('close', ({ code, lost: { up } }) => {
      ledger.closed(this.name, code);
      ledger.lostUp(this.name, up.map(upNumber), 'close');
    });
  }

  #lost(lost: object, how: string): void {
    this.#world.note(this.name, `${how} with a loss`, JSON.stringify(lost));
    this.#world.ledger.lostDown(this.name, how);
  }

  #talk(session: Session): void {
    const { schedule, ledger, isTalking } = this.#world;
    if (!isTalking || session.state === 'closed') return;
    for (let i = this.#random.chance(0.1) ? 5 : 1; i > 0; i -= 1) {
      this.#say(session, ledger.acceptedBy(this.name) + 1);
    }
    const meanMs = 1000 / schedule.rate;
    setTimeout(() => this.#talk(session), 2 * meanMs * this.#random.next());
  }

  #say(session: Session, k: number): void {
    const { ledger } = this.#world;
    const message = upMessage(k, this.#random);
    // What `deliver` promises is more than what `send` does: that somebody is done with it.
    if (this.#random.chance(0.8)) {
      if (session.send(message)) ledger.accepted(this.name);
      return;
    }
    const lengthBefore = session.unacknowledged;
    const delivered = session.deliver(message);
    if (session.unacknowledged > lengthBefore) ledger.accepted(this.name);
    delivered.then(
      () => ledger.delivered(this.name, k),
      () => undefined,
    );
  }
}

function upNumber(data: string | Uint8Array): number {
  return Number.parseInt(typeof data === 'string' ? data : Buffer.from(data).toString(), 10);
}
