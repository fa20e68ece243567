/**
 * Names of topics, and patterns of them, as rules and claims use them: a name, or the beginning of names and `*`. Nothing
 * more than that: a pattern is decided by one comparison, however it was written, and nobody can make it slow.
 */
import { MAX_TOPIC_BYTES } from './limits.js';

/** Is it 1 to 200 bytes of UTF-8, without control characters and lone surrogates? */
export function isTopicName(value: unknown): value is string {
  // One UTF-16 unit is a byte at least: what is longer need not be looked at.
  if (typeof value !== 'string' || value === '' || value.length > MAX_TOPIC_BYTES) return false;
  let bytes = 0;
  for (let at = 0; at < value.length; at += 1) {
    const point = value.codePointAt(at) as number;
    if (point < 0x20 || point === 0x7f || (point >= 0xd800 && point < 0xe000)) return false;
    bytes += point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
    if (point >= 0x10000) at += 1;
  }
  return bytes <= MAX_TOPIC_BYTES;
}

/** A name, or the beginning of one and `*`, or `*` alone. Elsewhere than at the end a `*` would not do what it promises. */
export function isTopicPattern(value: unknown): value is string {
  return isTopicName(value) && !value.slice(0, -1).includes('*');
}

/** `pattern` is one that `isTopicPattern` took. A topic whose own name ends with `*` is matched by it like any other. */
export function matchesTopic(pattern: string, topic: string): boolean {
  return pattern.endsWith('*') ? topic.startsWith(pattern.slice(0, -1)) : topic === pattern;
}
