/**
 * What `match` of a topic rule may say: the name of a topic, or a prefix of names and one `*` at the end. A `*` anywhere else
 * is refused instead of taken literally: who writes `room:*:chat` means a pattern, and a rule that matches nothing would be
 * found by nobody. Names that hold a `*` themselves are matched by the prefix before it.
 */
import { isTopicPattern } from '@holdfast/protocol';

export function parseTopicMatch(text: string): string | undefined {
  return isTopicPattern(text) ? text : undefined;
}

/** Every topic that `later` matches, `earlier` matches, too. */
export function coversTopics(earlier: string, later: string): boolean {
  if (!earlier.endsWith('*')) return earlier === later;
  return (later.endsWith('*') ? later.slice(0, -1) : later).startsWith(earlier.slice(0, -1));
}
