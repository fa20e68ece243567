/**
 * The sessions of this backend by id, and what workers do to them: open, attach anew, resync, detach, close, ask for. The
 * fence is here: of two openings of a session only the one with the higher generation counts, whatever the order in which
 * they arrive.
 */
import {
  type ClientCounters,
  CloseCode,
  decodeCloseFrame,
  decodeJson,
  type Open,
  ProtocolError,
  readCounters,
  supersedes,
  type TailEntry,
  TrunkKind,
} from '@holdfast/protocol';
import { type AcknowledgeMode, Exchange } from './exchange.js';
import { SessionCore, type SessionHost } from './session-core.js';
import { decodeState } from './state-codec.js';
import type { Given } from './given-away.js';
import type { Trunk } from './trunk.js';

export interface SessionsOptions {
  readonly host: SessionHost;
  readonly acknowledge: AcknowledgeMode;
  /** This one is not wanted: there are enough, or this backend leaves. */
  readonly refuses: (open: Open) => boolean;
  /** What a worker was given a moment ago, for a client that comes back for it. */
  readonly takeBack: (open: Open) => Given | undefined;
  /** A session begins here; its application is to be told. */
  readonly onBegun: (core: SessionCore, open: Open) => void;
  /** A worker wants to take the session to another backend. */
  readonly onHandoffAsked: (core: SessionCore) => void;
  /** A session that waited for it can go on. */
  readonly onSynced: (core: SessionCore) => void;
}

const REPLACED = { code: CloseCode.Replaced, reason: 'somebody else has the session' };

export class Sessions {
  readonly #options: SessionsOptions;
  readonly #byId = new Map<string, SessionCore>();

  constructor(options: SessionsOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#byId.size;
  }

  [Symbol.iterator](): IterableIterator<SessionCore> {
    return this.#byId.values();
  }

  forget(core: SessionCore): void {
    if (this.#byId.get(core.id) === core) this.#byId.delete(core.id);
  }

  open(trunk: Trunk<SessionCore>, stream: number, open: Open, tail: readonly TailEntry[]): void {
    const held = this.#byId.get(open.session);
    if (held !== undefined && !supersedes(open.generation, held.generation)) {
      return refuse(trunk, stream, CloseCode.Fenced, `fenced:${held.generation}`);
    }
    if (held !== undefined && isOurs(open, held)) return this.#reattach(held, trunk, stream, open);
    if (held !== undefined) replace(held);
    if (open.cause === 'resume') return this.#takeBack(trunk, stream, open);
    if (this.#options.refuses(open)) return refuse(trunk, stream, CloseCode.TryAgainLater, 'takes no more sessions');
    this.#begin(trunk, stream, open, tail);
  }

  onStreamFrame(core: SessionCore, kind: number, payload: Uint8Array): void {
    switch (kind) {
      case TrunkKind.Close:
        return core.finish(decodeCloseFrame(payload));
      case TrunkKind.Detach:
        return core.isPlain ? core.finish(decodeCloseFrame(payload)) : core.detach(decodeCloseFrame(payload));
      case TrunkKind.Credit:
        return setCredit(core, payload);
      case TrunkKind.Handoff:
        return this.#options.onHandoffAsked(core);
      case TrunkKind.Resync:
        return this.#resync(core, payload);
    }
  }

  /** The stream of a session that this backend holds: the one before is over. */
  #reattach(core: SessionCore, trunk: Trunk<SessionCore>, stream: number, open: Open): void {
    const client = core.isPlain ? undefined : open.client;
    if (client !== undefined && !core.exchange.knows(client)) {
      // Somebody else has had the session since, and this copy missed it.
      replace(core);
      return refuse(trunk, stream, CloseCode.UnknownSession, 'not held here any more');
    }
    core.generation = open.generation;
    core.windowMs = open.windowMs;
    core.attach(trunk, stream);
    if (client !== undefined) core.sync(client);
    sendOpened(core, client);
    core.onAttached();
  }

  #takeBack(trunk: Trunk<SessionCore>, stream: number, open: Open): void {
    const given = this.#options.takeBack(open);
    if (given === undefined) return refuse(trunk, stream, CloseCode.UnknownSession, 'not held here');
    const { counters, state, tail } = given;
    this.#begin(trunk, stream, { ...open, cause: 'handoff', counters, state }, tail);
  }

  #begin(trunk: Trunk<SessionCore>, stream: number, open: Open, tail: readonly TailEntry[]): void {
    const isNew = open.cause === 'connect';
    const { acknowledge, host } = this.#options;
    const exchange = isNew ? new Exchange(acknowledge) : Exchange.restored(open, tail, acknowledge);
    const core = new SessionCore(open, { exchange, state: isNew ? undefined : stateOf(open), host });
    this.#byId.set(core.id, core);
    core.attach(trunk, stream);
    const client = core.isPlain || isNew ? exchange.ownCounters : open.client;
    if (client !== undefined) core.sync(client);
    sendOpened(core, client);
    this.#options.onBegun(core, open);
  }

  #resync(core: SessionCore, payload: Uint8Array): void {
    const client = readCounters(decodeJson(payload));
    if (core.attachment === undefined || core.attachment.isSynced) return;
    if (!core.sync(client)) {
      core.disconnect(CloseCode.SequenceGap, 'the client knows more than this backend');
      return core.finish(REPLACED);
    }
    // There is no way to tell a client of a loss but the answer to `open`: it comes back and is told then.
    if (core.exchange.lostFor(client)) core.disconnect(CloseCode.SequenceGap, 'messages are missing');
    else this.#options.onSynced(core);
  }
}

/** Is what this backend holds the session as its client knows it, or an older life of it? */
function isOurs({ cause, generation }: Open, held: SessionCore): boolean {
  // A failover to where the session was: nobody had it in between.
  return cause === 'resume' || (cause === 'failover' && generation === held.generation + 1);
}

/** An older life of a session that has begun anew. */
function replace(core: SessionCore): void {
  core.disconnect(CloseCode.Replaced, 'replaced');
  core.finish(REPLACED);
}

function refuse(trunk: Trunk<SessionCore>, stream: number, code: number, reason: string): void {
  trunk.out.end(stream, { kind: 'close', code, reason });
}

function sendOpened(core: SessionCore, client: ClientCounters | undefined): void {
  const { attachment, exchange } = core;
  const handled = exchange.acknowledgeOnOpen(client);
  const lost = client && exchange.lostFor(client);
  attachment?.trunk.out.json(TrunkKind.Opened, { handled, received: exchange.inbox.last, lost }, attachment.stream);
  core.onOpened();
}

/** Of what was parked and what was committed, the younger. */
function stateOf({ state, counters, checkpoint }: Open): unknown {
  const isCheckpointNewer = checkpoint !== undefined && checkpoint.handled > (counters?.handled ?? 0);
  return decodeState(state === undefined || isCheckpointNewer ? (checkpoint?.state ?? state) : state);
}

function setCredit(core: SessionCore, payload: Uint8Array): void {
  const [credit] = payload;
  if (payload.length !== 1 || credit === undefined || credit > 1) {
    throw new ProtocolError(`credit: expected one byte, 0 or 1, got ${payload.length} with ${String(credit)} first`);
  }
  if (core.attachment === undefined) return;
  core.attachment.hasCredit = credit === 1;
  if (credit === 1) core.touch();
}
