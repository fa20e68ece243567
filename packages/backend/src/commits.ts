/**
 * Checkpoints: state and the number of the last handled message, written together to shared state by a worker. One at a time
 * per session, in the order of calling, since a number that goes back would look like an older owner speaking.
 */
import { type CommitOutcome as Outcome, readCommitOutcome, TRUNK_STREAM, TrunkKind } from '@holdfast/protocol';
import type { SessionCore } from './session-core.js';
import { encodeState } from './state-codec.js';
import type { Trunk } from './trunk.js';

/**
 * fenced: another backend has the session. unknown: shared state does not know it. failed: nobody answered, and nobody
 * knows whether it took effect.
 */
export type CommitOutcome = Outcome | 'failed';

interface Checkpoint {
  readonly handled: number;
  readonly state: string;
}

const TRIES = 3;
const RETRY_AFTER_MS = 500;

export class Commits {
  readonly #pickTrunk: () => Trunk<SessionCore> | undefined;
  /** The last one of each session that is not settled. */
  readonly #underWay = new WeakMap<SessionCore, Promise<CommitOutcome>>();

  constructor(pickTrunk: () => Trunk<SessionCore> | undefined) {
    this.#pickTrunk = pickTrunk;
  }

  /** Within a handler its message counts as handled: state and message are one. Throws when the state cannot be written down. */
  commit(core: SessionCore): Promise<CommitOutcome> {
    const handled = core.queue.inHand ?? core.exchange.handled;
    const checkpoint = { handled, state: encodeState(core.state, core.id) };
    const before = this.#underWay.get(core) ?? Promise.resolve();
    const outcome = before.then(() => this.#write(core, checkpoint));
    this.#underWay.set(core, outcome);
    return outcome;
  }

  async #write(core: SessionCore, checkpoint: Checkpoint): Promise<CommitOutcome> {
    if (core.isPlain) return 'unknown';
    for (let attempt = 1; attempt <= TRIES; attempt += 1) {
      if (core.phase !== 'open') return 'failed';
      const { generation } = core;
      const outcome = await this.#ask({ session: core.id, generation, ...checkpoint });
      if (outcome === 'committed') core.onCommitted(checkpoint.handled);
      // Attached anew meanwhile: the generation that was refused is not ours any more.
      const isOutdated = outcome === 'fenced' && core.generation !== generation;
      if (outcome === 'fenced' && !isOutdated) core.giveUp();
      if (outcome !== 'failed' && !isOutdated) return outcome;
      // Its client may be coming back: the stream that is on the way brings the generation to ask with.
      if (outcome === 'failed' && attempt < TRIES) await pause(RETRY_AFTER_MS);
    }
    return 'failed';
  }

  async #ask(body: object): Promise<CommitOutcome> {
    const trunk = this.#pickTrunk();
    if (trunk === undefined) return 'failed';
    const answer = await trunk.request((ref) =>
      trunk.out.json(TrunkKind.Request, { ref, op: 'commit', ...body }, TRUNK_STREAM),
    );
    if (!answer.ok) return 'failed';
    try {
      return readCommitOutcome(answer.body);
    } catch {
      return 'failed';
    }
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
