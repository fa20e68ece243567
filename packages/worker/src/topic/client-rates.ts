/** How much a client may ask of topics: token buckets, made when it first asks. More is refused, and told so. */
import type { TopicRefusal } from '@holdfast/protocol';
import type { TopicRule } from '../config.js';
import { MessageRate } from '../relay/rate.js';
import { topicsOf } from './session-topics.js';
import type { TopicRules } from './topic-rules.js';
import type { TopicSession } from './session-topics.js';
import type { TopicStats } from './topic-stats.js';

/** Subscribe, history, presence: each may cost a call of the store and one of the backend. A hundred at once are fine. */
export const ASKS_PER_SECOND = 100;
/** Of one client, not answered yet. */
export const MAX_PUBLISHES_IN_FLIGHT = 100;

export class ClientRates {
  readonly #rules: TopicRules;
  readonly #stats: TopicStats;

  constructor(rules: TopicRules, stats: TopicStats) {
    this.#rules = rules;
    this.#stats = stats;
  }

  mayAsk(session: TopicSession): boolean {
    const nowMs = performance.now();
    const topics = topicsOf(session);
    topics.askRate ??= new MessageRate(ASKS_PER_SECOND, nowMs);
    if (topics.askRate.take(nowMs)) return true;
    this.#stats.boundHit('topic_asks');
    return false;
  }

  /** undefined: it may, and `publishDone` follows. */
  refusePublish(session: TopicSession, topic: string): TopicRefusal | undefined {
    const topics = topicsOf(session);
    const rule = this.#rules.of(topic);
    if (topics.publishesInFlight >= MAX_PUBLISHES_IN_FLIGHT || !takes(session, rule)) {
      this.#stats.boundHit('topic_publishes');
      return 'limit';
    }
    topics.publishesInFlight += 1;
    return undefined;
  }

  publishDone(session: TopicSession): void {
    topicsOf(session).publishesInFlight -= 1;
  }
}

/** One bucket for all topics of a rule. */
function takes(session: TopicSession, rule: TopicRule): boolean {
  if (rule.publishesPerSecond === 0) return true;
  const nowMs = performance.now();
  const rates = (topicsOf(session).publishRates ??= new Map<object, MessageRate>());
  const rate = rates.get(rule) ?? new MessageRate(rule.publishesPerSecond, nowMs);
  rates.set(rule, rate);
  return rate.take(nowMs);
}
