/** The trunks of this backend: how many there may be, which of them takes a request, and what is told to all. */
import { CloseCode, TrunkKind } from '@holdfast/protocol';
import type { SessionCore } from './session-core.js';
import type { Trunk } from './trunk.js';

/** Workers of the largest fleet. */
const MAX_TRUNKS = 1000;
/** Handshakes at once: each waits 5 s at most. */
const MAX_UNPROVEN = 100;

export class TrunkSet {
  readonly #trunks = new Set<Trunk<SessionCore>>();
  /** Counts requests: they take turns. */
  #turn = 0;

  get size(): number {
    return this.#trunks.size;
  }

  get hasRoom(): boolean {
    return this.#trunks.size < MAX_TRUNKS && this.#unproven < MAX_UNPROVEN;
  }

  [Symbol.iterator](): IterableIterator<Trunk<SessionCore>> {
    return this.#trunks.values();
  }

  add(trunk: Trunk<SessionCore>): void {
    this.#trunks.add(trunk);
  }

  delete(trunk: Trunk<SessionCore>): void {
    this.#trunks.delete(trunk);
  }

  /** One whose worker takes requests now; one that is about to go, or may be gone, only if there is no other. */
  pick(): Trunk<SessionCore> | undefined {
    const ready = [...this.#trunks].filter(({ worker, out }) => worker !== undefined && !out.isCongested);
    const staying = ready.filter(({ isLeaving, isSilent }) => !isLeaving && !isSilent);
    const choice = staying.length > 0 ? staying : ready;
    this.#turn += 1;
    return choice[this.#turn % choice.length];
  }

  /** To every worker that has proved itself. */
  tell(kind: number, body: object): void {
    for (const trunk of this.#trunks) if (trunk.worker !== undefined) trunk.out.json(kind, body);
  }

  /** @param leftMs what is left of the time; a worker takes whole milliseconds only. */
  announceDrain(leftMs: number): void {
    this.tell(TrunkKind.Drain, { reason: 'this backend leaves', deadlineMs: Math.max(0, Math.round(leftMs)) });
  }

  /** The longest silence that some worker takes for death; Infinity without workers. */
  get shortestStaleMs(): number {
    let shortest = Infinity;
    for (const { worker } of this.#trunks) shortest = Math.min(shortest, worker?.staleMs ?? Infinity);
    return shortest;
  }

  /** What the worker with the least memory takes. */
  get maxMessageBytes(): number {
    let least = Infinity;
    for (const { worker } of this.#trunks) least = Math.min(least, worker?.maxMessageBytes ?? Infinity);
    return least;
  }

  tick(nowMs: number): void {
    for (const trunk of this.#trunks) {
      trunk.tick(nowMs);
      this.review(trunk);
    }
  }

  /** Has a worker that was behind caught up? Then its sessions have something to write. */
  review(trunk: Trunk<SessionCore>): void {
    if (trunk.out.hasCaughtUp()) for (const core of trunk.streams.values()) core.touch();
  }

  closeAll(code: number = CloseCode.GoingAway, reason = 'this backend stops'): void {
    for (const trunk of this.#trunks) trunk.close(code, reason);
  }

  get #unproven(): number {
    let unproven = 0;
    for (const { worker } of this.#trunks) if (worker === undefined) unproven += 1;
    return unproven;
  }
}
