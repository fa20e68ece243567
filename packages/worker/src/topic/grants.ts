/**
 * What a client may do with topics: by the claims of its token, or because its backend said so when it was asked. Only a yes
 * is remembered: whoever was refused may be allowed a moment later, and has to ask for it.
 */
import { asTopicClaims, type TopicClaims } from './topic-claims.js';
import type { Body, TopicAction, TopicAsk } from '@holdfast/protocol';
import { matchesTopic } from '@holdfast/protocol';

/** The oldest is forgotten, and asked for again. */
export const MAX_GRANTS = 100;

export interface Grant {
  /** What presence tells of the session on this topic; undefined: nothing particular. */
  readonly info: Body | undefined;
}

const BY_CLAIM: Grant = { info: undefined };

export class Grants {
  readonly #claims: TopicClaims;
  readonly #remembered = new Map<string, Grant>();

  constructor(claims: Body | undefined) {
    this.#claims = asTopicClaims(claims);
  }

  /** undefined: its backend has to be asked. */
  find({ topic, action }: TopicAsk): Grant | undefined {
    const patterns = action === 'publish' ? this.#claims.publish : this.#claims.subscribe;
    if (patterns.some((pattern) => matchesTopic(pattern, topic))) return BY_CLAIM;
    return this.#remembered.get(keyOf(topic, action));
  }

  remember({ topic, action }: TopicAsk, grant: Grant): void {
    const key = keyOf(topic, action);
    this.#remembered.delete(key);
    this.#remembered.set(key, grant);
    if (this.#remembered.size <= MAX_GRANTS) return;
    for (const oldest of this.#remembered.keys()) {
      this.#remembered.delete(oldest);
      return;
    }
  }

  /** What its backend allowed; a token's claims stay. */
  forget(topic: string): void {
    for (const action of ACTIONS) this.#remembered.delete(keyOf(topic, action));
  }
}

const ACTIONS: readonly TopicAction[] = ['subscribe', 'publish', 'presence', 'history'];

function keyOf(topic: string, action: TopicAction): string {
  return `${action} ${topic}`;
}
