/**
 * What `match` of a topic rule may say: the name of a topic, or a prefix of names and one `*` at the end. A `*` anywhere else
 * is refused instead of taken literally: who writes `room:*:chat` means a pattern, and a rule that matches nothing would be
 * found by nobody. Names that hold a `*` themselves are matched by the prefix before it.
 */
import { checkTopic } from '@holdfast/state';

export function parseTopicMatch(text: string): string | undefined {
  return isTopic(text) && !text.slice(0, -1).includes('*') ? text : undefined;
}

/** 1 to 200 bytes of UTF-8, without control characters. */
export function isTopic(text: string): boolean {
  try {
    checkTopic(text);
    return true;
  } catch {
    return false;
  }
}

/** Every topic that `later` matches, `earlier` matches, too. */
export function coversTopics(earlier: string, later: string): boolean {
  if (!earlier.endsWith('*')) return earlier === later;
  return (later.endsWith('*') ? later.slice(0, -1) : later).startsWith(earlier.slice(0, -1));
}
