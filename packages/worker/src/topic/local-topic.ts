/**
 * Where this worker is in one topic, and what comes next. Pure: what the bus and the store say goes in, steps come out, and
 * whoever takes them (topics.ts) talks to clients and the store. One rule holds it together: messages are delivered in steps
 * of one; whenever that cannot be, a `reset` is said first, and nobody is told that nothing is missing.
 *
 *   joining ──position, or the first message──▶ live ──a gap, or the store is ahead──▶ repairing
 *                                                ▲ ◀──────the range, or nothing left to hope for──┘
 *
 * A gap is repaired while what comes behind it waits: delivering first and repairing later would break the order that clients
 * are promised. Messages of another epoch end everything before them: nobody knows what is missing between.
 */
import type { TopicMessage, TopicPage, TopicPosition } from '@holdfast/state';

export type LocalTopicState = { readonly name: 'joining' } | LiveTopic | RepairingTopic;

export interface LiveTopic extends TopicPosition {
  readonly name: 'live';
  /** Counts on with each message: a new object for each would be the only one that a message costs here. */
  offset: number;
}

export interface RepairingTopic extends TopicPosition {
  readonly name: 'repairing';
  offset: number;
  /** Of the range that is being read: an answer to another question is old. */
  since: number;
  /** Messages up to here are known to exist. */
  readonly target: number;
  /** Came meanwhile, in order, beyond what is missing. */
  readonly held: TopicMessage[];
  heldBytes: number;
}

export type TopicStep =
  | { readonly do: 'deliver'; readonly message: TopicMessage }
  /** Whoever is on the topic has lost the thread; what comes next is `offset + 1`. */
  | ({ readonly do: 'reset' } & TopicPosition)
  /** Messages above `since` are needed, at most MAX_REPAIR. */
  | { readonly do: 'read'; readonly since: number };

/** 'deliver': the message that came, and nothing else. Nearly all of them. */
export type Steps = 'deliver' | readonly TopicStep[];

/** More are not caught up on: whoever was away for so long begins anew. */
export const MAX_REPAIR = 1000;
export const MAX_HELD_MESSAGES = 1000;
export const MAX_HELD_BYTES: number = 1024 * 1024;

const NOTHING: readonly TopicStep[] = [];

export class LocalTopic {
  /** Nothing is kept of this topic: a range that is read would be empty. */
  readonly #isKept: boolean;
  #state: LocalTopicState = { name: 'joining' };
  /** The store was this far ahead when it was asked last, and what it is ahead by may be on its way. */
  #suspected = 0;

  constructor(isKept: boolean) {
    this.#isKept = isKept;
  }

  get state(): LocalTopicState {
    return this.#state;
  }

  get epoch(): string | undefined {
    return this.#state.name === 'joining' ? undefined : this.#state.epoch;
  }

  /** From the bus. */
  onMessage(epoch: string, message: TopicMessage): Steps {
    const state = this.#state;
    if (state.name === 'joining') {
      this.#goLive(epoch, message.offset);
      return 'deliver';
    }
    if (epoch !== state.epoch) {
      this.#goLive(epoch, message.offset);
      return [reset(epoch, message.offset - 1), deliver(message)];
    }
    if (message.offset <= state.offset) return NOTHING;
    if (message.offset === state.offset + 1) {
      state.offset = message.offset;
      return state.name === 'live' ? 'deliver' : [deliver(message), ...this.#closeGap(state)];
    }
    return state.name === 'live' ? this.#onGap(state, message) : this.#hold(state, message);
  }

  /**
   * Where the store has the topic. `askedIn`: the epoch here when it was asked; an answer that is older than what the bus
   * told meanwhile is none.
   */
  onPosition({ epoch, offset }: TopicPosition, askedIn: string | undefined): readonly TopicStep[] {
    const state = this.#state;
    if (state.name === 'joining') {
      this.#goLive(epoch, offset);
      return NOTHING;
    }
    if (state.name === 'repairing') return NOTHING;
    if (epoch !== state.epoch) return askedIn === state.epoch ? this.#resetTo(epoch, offset) : NOTHING;
    if (offset <= state.offset) return NOTHING;
    return this.#onAhead(state, offset);
  }

  /** What was read, by the step's `since`. */
  onRange(since: number, page: TopicPage): readonly TopicStep[] {
    const state = this.#state;
    if (state.name !== 'repairing' || state.since !== since) return NOTHING;
    if (page.epoch !== state.epoch) return this.#resetTo(page.epoch, page.offset);
    const before = state.offset;
    const steps = [...walk(state, page.messages), ...this.#closeGap(state)];
    if (this.#state.name === 'live') return steps;
    // A page may end early, and what came behind the gap may have gaps of its own. Who gets nowhere has to let go.
    return state.offset > before ? [...steps, this.#read(state)] : [...steps, ...this.#giveUp(state)];
  }

  /** It cannot be read, and has been tried for long enough. */
  onRangeLost(): readonly TopicStep[] {
    return this.#state.name === 'repairing' ? this.#giveUp(this.#state) : NOTHING;
  }

  #onGap(state: LiveTopic, message: TopicMessage): readonly TopicStep[] {
    const { epoch, offset } = state;
    if (this.#isKept && message.offset - offset <= MAX_REPAIR) {
      const held = [message];
      const target = message.offset;
      const repairing = { epoch, offset, since: offset, target, held, heldBytes: message.data.length };
      return [this.#read((this.#state = { name: 'repairing', ...repairing }))];
    }
    state.offset = message.offset;
    return [reset(epoch, message.offset - 1), deliver(message)];
  }

  #onAhead(state: LiveTopic, target: number): readonly TopicStep[] {
    const { epoch, offset } = state;
    if (this.#isKept && target - offset <= MAX_REPAIR) {
      const repairing = { epoch, offset, since: offset, target, held: [], heldBytes: 0 };
      return [this.#read((this.#state = { name: 'repairing', ...repairing }))];
    }
    // Nothing can be read, so what is on its way is worth waiting for: until the store is asked the next time.
    const isStillBehind = this.#suspected > offset;
    this.#suspected = target;
    return isStillBehind || this.#isKept ? this.#resetTo(epoch, target) : NOTHING;
  }

  #hold(state: RepairingTopic, message: TopicMessage): readonly TopicStep[] {
    const last = state.held.at(-1)?.offset ?? state.offset;
    if (message.offset <= last) return NOTHING;
    state.held.push(message);
    state.heldBytes += message.data.length;
    if (state.held.length <= MAX_HELD_MESSAGES && state.heldBytes <= MAX_HELD_BYTES) return NOTHING;
    return this.#giveUp(state);
  }

  /** Held messages that follow now; live again, when nothing else is missing. */
  #closeGap(state: RepairingTopic): readonly TopicStep[] {
    const steps: TopicStep[] = [];
    let taken = 0;
    for (const message of state.held) {
      if (message.offset > state.offset + 1) break;
      steps.push(...walk(state, [message]));
      state.heldBytes -= message.data.length;
      taken += 1;
    }
    state.held.splice(0, taken);
    if (state.held.length === 0 && state.offset >= state.target) this.#goLive(state.epoch, state.offset);
    return steps;
  }

  /** What is missing stays so. */
  #giveUp(state: RepairingTopic): readonly TopicStep[] {
    if (state.held.length === 0) return this.#resetTo(state.epoch, state.target);
    const steps = walk(state, state.held);
    this.#goLive(state.epoch, state.offset);
    return steps;
  }

  #read(state: RepairingTopic): TopicStep {
    state.since = state.offset;
    return { do: 'read', since: state.offset };
  }

  #resetTo(epoch: string, offset: number): readonly TopicStep[] {
    this.#goLive(epoch, offset);
    return [reset(epoch, offset)];
  }

  #goLive(epoch: string, offset: number): void {
    this.#suspected = 0;
    this.#state = { name: 'live', epoch, offset };
  }
}

/** Delivers what is new of these, and says before each hole that there is one. */
function walk(state: RepairingTopic, messages: readonly TopicMessage[]): readonly TopicStep[] {
  const steps: TopicStep[] = [];
  for (const message of messages) {
    if (message.offset <= state.offset) continue;
    if (message.offset > state.offset + 1) steps.push(reset(state.epoch, message.offset - 1));
    steps.push(deliver(message));
    state.offset = message.offset;
  }
  return steps;
}

function deliver(message: TopicMessage): TopicStep {
  return { do: 'deliver', message };
}

function reset(epoch: string, offset: number): TopicStep {
  return { do: 'reset', epoch, offset };
}
