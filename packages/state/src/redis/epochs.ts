/**
 * New epochs: 9 random bytes as 12 characters. Every call that may need one brings one along, since scripts have no
 * randomness of their own, and most are thrown away: the random bytes are drawn for many at once.
 */
import { randomFillSync } from 'node:crypto';

export interface Epochs {
  /** Never the same twice. */
  next(): string;
}

const EPOCH_BYTES = 9;
const DRAWN_AT_ONCE = 256;

export function createEpochs(): Epochs {
  const drawn = Buffer.alloc(EPOCH_BYTES * DRAWN_AT_ONCE);
  let used = drawn.length;
  return {
    next: () => {
      if (used === drawn.length) {
        randomFillSync(drawn);
        used = 0;
      }
      used += EPOCH_BYTES;
      return drawn.toString('base64url', used - EPOCH_BYTES, used);
    },
  };
}
