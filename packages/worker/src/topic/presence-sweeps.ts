/**
 * When members are swept away that nobody else removes: those of dead workers, and those who have lingered long enough. Due
 * topics are swept a number at a time by whoever calls `run` every second.
 */
import type { PresenceStore } from '@holdfast/state';
import { DeadOwners } from './dead-owners.js';

const EVERY_MS = 60_000;
/** Of one call: what is due must not become a burst. */
const MAX_AT_ONCE = 200;
/** More are listed by nobody; a dead owner of others is found by somebody else. */
const MAX_LISTED = 10_000;
/** The store decides by its own clock, which may be a little behind. */
const LATER_MS = 200;
/** Beyond it those who linger wait for the sweep of every minute. */
const MAX_LINGERING_TOPICS = 100_000;

export class PresenceSweeps {
  readonly #store: PresenceStore;
  readonly #dead: DeadOwners;
  /** Topics that members of this worker are on, and when each was swept last. */
  readonly #sweptAtMs = new Map<string, number>();
  /** By the second: topics where somebody has lingered long enough then. */
  readonly #ends = new Map<number, Set<string>>();
  #lingering = 0;

  constructor(store: PresenceStore, self: string) {
    this.#store = store;
    this.#dead = new DeadOwners(self);
  }

  /** The first member of this worker is on it. Who died while nobody here was looking? */
  begin(topic: string): void {
    this.#sweptAtMs.set(topic, performance.now());
    void this.#sweepUnknown(topic);
  }

  /** None is any more. */
  end(topic: string): void {
    this.#sweptAtMs.delete(topic);
  }

  /** Somebody lingers on it from now on. */
  lingers(topic: string, lingerMs: number): void {
    const second = Math.ceil((performance.now() + lingerMs + LATER_MS) / 1000);
    const topics = this.#ends.get(second) ?? new Set<string>();
    if (topics.has(topic) || this.#lingering >= MAX_LINGERING_TOPICS) return;
    this.#ends.set(second, topics.add(topic));
    this.#lingering += 1;
  }

  isDead(owner: string): boolean {
    return this.#dead.isDead(owner, performance.now());
  }

  onLeases(alive: readonly string[]): void {
    const nowMs = performance.now();
    if (!this.#dead.update(alive, nowMs)) return;
    for (const topic of this.#sweptAtMs.keys()) this.#sweptAtMs.set(topic, Number.NEGATIVE_INFINITY);
    this.run(nowMs);
  }

  run(nowMs: number): void {
    for (const [second, topics] of this.#ends) {
      if (second * 1000 > nowMs) continue;
      this.#ends.delete(second);
      this.#lingering -= topics.size;
      for (const topic of topics) this.#sweep(topic, []);
    }
    let sweeps = 0;
    for (const [topic, sweptAtMs] of this.#sweptAtMs) {
      if (sweeps >= MAX_AT_ONCE) return;
      if (nowMs - sweptAtMs < EVERY_MS) continue;
      this.#sweptAtMs.set(topic, nowMs);
      this.#sweep(topic, this.#dead.recent(nowMs));
      sweeps += 1;
    }
  }

  #sweep(topic: string, owners: readonly string[]): void {
    this.#store.sweep(topic, owners).catch(() => {
      // It is swept again in a minute.
    });
  }

  async #sweepUnknown(topic: string): Promise<void> {
    try {
      const { members } = await this.#store.list(topic, MAX_LISTED);
      const owners = new Set(members.map(({ owner }) => owner));
      const dead = [...owners].filter((owner) => this.isDead(owner));
      if (dead.length > 0) this.#sweep(topic, dead);
    } catch {
      // Whoever should not be there stays a little longer.
    }
  }
}
