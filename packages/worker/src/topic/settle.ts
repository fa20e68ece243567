/**
 * Where a client that asks for a topic is taken up again: pure. It never says that nothing is missing unless it can give all
 * that is.
 */
import type { TopicPosition } from '@holdfast/protocol';
import { MAX_RECENT_MESSAGES, type RecentFrame, type RecentMessages } from './recent-messages.js';

export type Settlement =
  /** Taken up at the topic's position: nothing is missing, or nobody knows what. */
  | { readonly from: 'top'; readonly recovered: boolean }
  /** Taken up where it was, with these. */
  | { readonly from: 'since'; readonly missed: readonly RecentFrame[] }
  /** What it misses has to be read first. */
  | { readonly from: 'unread' }
  /** It says that it is further than this worker, which the store has to confirm. */
  | { readonly from: 'ahead' };

export interface Asked {
  readonly since: TopicPosition | undefined;
  /** What it misses has been read, as far as it is there. */
  readonly hasRead: boolean;
  /** The store has been asked where the topic is. */
  readonly hasAsked: boolean;
}

export interface Known {
  readonly position: TopicPosition;
  /** As far as the store has ever said: what is between is on its way to this worker. */
  readonly top: number;
  readonly recent: RecentMessages | undefined;
  /** The topic's messages are kept. */
  readonly isKept: boolean;
}

const LOST: Settlement = { from: 'top', recovered: false };
const COMPLETE: Settlement = { from: 'top', recovered: true };
const UNREAD: Settlement = { from: 'unread' };
const AHEAD: Settlement = { from: 'ahead' };
/** It has more than this worker; what comes in between it has, and drops. */
const FURTHER: Settlement = { from: 'since', missed: [] };

export function settle({ since, hasRead, hasAsked }: Asked, { position, top, recent, isKept }: Known): Settlement {
  if (since === undefined || since.epoch !== position.epoch) return LOST;
  const missing = position.offset - since.offset;
  if (missing === 0) return COMPLETE;
  // A client that comes from another worker may well be a message or two ahead of this one.
  if (missing < 0 && since.offset <= top) return FURTHER;
  if (missing < 0) return hasAsked ? LOST : AHEAD;
  if (!isKept || missing > MAX_RECENT_MESSAGES) return LOST;
  const missed = recent?.after(since.offset);
  if (missed !== undefined) return { from: 'since', missed };
  return hasRead || recent?.isWhole === true ? LOST : UNREAD;
}
