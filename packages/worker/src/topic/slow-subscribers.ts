/**
 * Clients that read more slowly than their topics speak. One for which its route's buffer waits hears nothing more until it has
 * caught up with what is buffered; it never slows others down. An SDK client is then told which topics to ask for again, and
 * misses nothing that is kept. A plain client cannot be told in any other way than by losing its connection.
 *
 * Native publish has a bound of its own, which drops frames, but one for all: a buffer and the largest message. A thousand clients
 * at that bound cost four times what they were promised, so each topic looks at what waits for its own now and then (audience.ts).
 */
import { CloseCode, encodeLagging } from '@holdfast/protocol';
import { topicsOf } from './session-topics.js';
import type { TopicSession } from './session-topics.js';
import type { TopicStats } from './topic-stats.js';

/** As for data: nothing taken for so long, and the client is given up. */
const GIVE_UP_AFTER_MS = 10_000;
/** Not 0: data may flow all the time. */
const CAUGHT_UP_BYTES = 16 * 1024;
const TICK_MS = 1000;
/** A topic looks at its clients each time that it has published so much, which is then too rare to cost anything. */
export const LOOK_EVERY_BYTES: number = 32 * 1024;
/** However small the buffer: less may wait to be written together, and nothing would tell when it has gone. */
const LEAST_BUFFER_BYTES = 64 * 1024;

export class SlowSubscribers {
  readonly #stats: TopicStats;
  readonly #behind = new Set<TopicSession>();
  /** Not unsubscribed yet: inside the native callback that tells of a drop, subscriptions must not be touched. */
  readonly #toSilence: TopicSession[] = [];
  readonly #timer: NodeJS.Timeout;

  constructor(stats: TopicStats) {
    this.#stats = stats;
    this.#timer = setInterval(() => this.#tick(performance.now()), TICK_MS);
    this.#timer.unref();
  }

  close(): void {
    clearInterval(this.#timer);
  }

  /** Silences it if so much waits for it that what its topics say until the next look would not fit. Not to be called by `onDropped`. */
  look(session: TopicSession): void {
    const { bufferedBytes, bufferBytes } = session;
    if (bufferedBytes + LOOK_EVERY_BYTES <= Math.max(bufferBytes, LEAST_BUFFER_BYTES)) return;
    if (this.#fallBehind(session)) silence(session);
  }

  /** Something for this client was dropped; maybe nothing of a topic, and certainly more than one frame of them. */
  onDropped(session: TopicSession): void {
    if (!this.#fallBehind(session)) return;
    this.#toSilence.push(session);
    if (this.#toSilence.length === 1) setImmediate(() => this.#silence());
  }

  /** It took something. @param bufferedBytes that still wait for it. */
  onWritable(session: TopicSession, bufferedBytes: number): void {
    if (session.topics?.isBehind !== true) return;
    // As long as it takes anything at all it is not given up.
    session.topics.behindSinceMs = performance.now();
    if (bufferedBytes <= CAUGHT_UP_BYTES) this.#catchUp(session);
  }

  onEnded(session: TopicSession): void {
    this.#behind.delete(session);
  }

  /** False: there is nothing to silence. */
  #fallBehind(session: TopicSession): boolean {
    const { topics } = session;
    if (topics === undefined || topics.memberships.length === 0 || topics.isBehind) return false;
    topics.behindSinceMs = performance.now();
    this.#stats.dropped += 1;
    this.#stats.boundHit('topic_buffer');
    this.#behind.add(session);
    return true;
  }

  #silence(): void {
    for (const session of this.#toSilence.splice(0)) if (!session.isOver) silence(session);
  }

  #catchUp(session: TopicSession): void {
    this.#behind.delete(session);
    // It may have taken all of it in the turn in which it was dropped.
    this.#silence();
    if (session.isPlain) return session.close(CloseCode.TryAgainLater, 'the client reads too slowly for its topics');
    const topics = topicsOf(session);
    topics.behindSinceMs = 0;
    session.send(encodeLagging(topics.memberships.map(({ topic }) => topic.name)));
  }

  #tick(nowMs: number): void {
    for (const session of this.#behind) {
      if (nowMs - topicsOf(session).behindSinceMs < GIVE_UP_AFTER_MS) continue;
      this.#behind.delete(session);
      session.endSlow();
    }
  }
}

function silence(session: TopicSession): void {
  for (const membership of topicsOf(session).memberships) membership.topic.silence(membership, false);
}
