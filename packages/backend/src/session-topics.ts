/**
 * The topics that one session has joined. The worker that holds the client's connection delivers them; what stands here is
 * what every other worker is told that the client comes to, and what happened while it was away. Made with the first
 * join: most sessions have none.
 */
import { MAX_SESSION_TOPICS, TrunkKind } from '@holdfast/protocol';
import type { MemberInfo } from './topic-arguments.js';

/** The stream that leads to the client's worker, which was told that it is open. */
export interface OpenedStream {
  readonly trunk: { readonly out: { json(kind: number, body: object, stream: number): void } };
  readonly stream: number;
}

export class SessionTopics {
  readonly #joined = new Map<string, MemberInfo | undefined>();
  /** Left while no worker could be told: the one that had the connection may still have it. */
  readonly #left = new Set<string>();

  get names(): readonly string[] {
    return [...this.#joined.keys()];
  }

  /** False at the bound. Without a stream the next one is told. */
  join(topic: string, info: MemberInfo | undefined, lane: OpenedStream | undefined): boolean {
    if (!this.#joined.has(topic) && this.#joined.size >= MAX_SESSION_TOPICS) return false;
    this.#joined.set(topic, info);
    this.#left.delete(topic);
    if (lane !== undefined) tell(lane, TrunkKind.Subscribe, { topic, info });
    return true;
  }

  /** Joined or not: the client may hear it because it asked, or because of a join at the backend before. */
  leave(topic: string, lane: OpenedStream | undefined): void {
    this.#joined.delete(topic);
    if (lane !== undefined) tell(lane, TrunkKind.Unsubscribe, { topic });
    else this.#remember(topic);
  }

  /** To the worker of a new stream, behind `opened`. */
  repeat(lane: OpenedStream): void {
    for (const topic of this.#left) tell(lane, TrunkKind.Unsubscribe, { topic });
    this.#left.clear();
    for (const [topic, info] of this.#joined) tell(lane, TrunkKind.Subscribe, { topic, info });
  }

  /** A worker has no more topics of the session than the bound, so the oldest of more were never there. */
  #remember(topic: string): void {
    this.#left.delete(topic);
    this.#left.add(topic);
    const [oldest] = this.#left;
    if (this.#left.size > MAX_SESSION_TOPICS && oldest !== undefined) this.#left.delete(oldest);
  }
}

function tell({ trunk, stream }: OpenedStream, kind: number, body: object): void {
  trunk.out.json(kind, body, stream);
}
