/** Which rule a topic has: the first that matches, or the defaults. Rules are few and topics live long, so nothing is cached. */
import { matchesTopic } from '@holdfast/protocol';
import { DEFAULT_TOPIC_RULE, type TopicRule } from '../config.js';

export class TopicRules {
  /** Replaced by a reload: topics that are there keep the rule that they came with. */
  rules: readonly TopicRule[];

  constructor(rules: readonly TopicRule[]) {
    this.rules = rules;
  }

  of(topic: string): TopicRule {
    return this.rules.find(({ match }) => matchesTopic(match, topic)) ?? DEFAULT_TOPIC_RULE;
  }
}
