/** The `topics` claim of a token: patterns of topics that its bearer may subscribe to, or publish to. */
import { type Body, isTopicPattern } from '@holdfast/protocol';

export interface TopicClaims {
  /** Their history and presence, too. */
  readonly subscribe: readonly string[];
  readonly publish: readonly string[];
}

/** Patterns are looked at one after the other, for each topic that is asked for. */
const MAX_PATTERNS = 100;

/** What is no list of patterns allows nothing. */
export function asTopicClaims(claims: Body | undefined): TopicClaims {
  const topics = claims?.['topics'];
  if (typeof topics !== 'object' || topics === null) return { subscribe: [], publish: [] };
  const { subscribe, publish } = topics as Body;
  return { subscribe: patternsOf(subscribe), publish: patternsOf(publish) };
}

function patternsOf(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.slice(0, MAX_PATTERNS).filter(isTopicPattern) : [];
}
