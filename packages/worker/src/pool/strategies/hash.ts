/**
 * Weighted rendezvous hashing: every pair of key and backend has a score, the highest wins. A backend that leaves
 * moves only its own keys, one that comes takes only its share, and weights are exact, with no ring to build or
 * tune. The price is one multiplication per backend and pick, which is less than a lookup in a ring of thousands of
 * points for the size that pools have. The hash is 32-bit FNV-1a over UTF-16 units with a murmur finalizer:
 * the same on every machine, not meant to resist somebody who searches for collisions.
 */

export function hashString(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i += 1) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return mix(hash);
}

/** Score of a pair, larger is better: −weight / ln(u) with u uniform in (0, 1) gives shares in proportion to weight. */
export function rendezvousScore(keyHash: number, idHash: number, weight: number): number {
  const uniform = (mix(keyHash ^ Math.imul(idHash, 0x9e3779b1)) + 0.5) / 0x1_0000_0000;
  return -weight / Math.log(uniform);
}

function mix(value: number): number {
  let hash = value;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
