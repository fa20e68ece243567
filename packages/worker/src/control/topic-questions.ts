/**
 * What the admin API asks of topics, and what a worker answers. Any worker can: what is published is in the shared state, of
 * which the supervisor has no connection of its own. Plain data for structured clone, like all of messages.ts.
 */
import type { PresenceMember, TopicMessage, TopicPosition } from '@holdfast/state';

export type TopicQuestion =
  | {
      readonly what: 'publish';
      readonly topic: string;
      readonly isBinary: boolean;
      readonly data: Uint8Array;
      /** Always one: what is asked again of another worker must not be published twice. */
      readonly idempotencyKey: string;
    }
  | {
      readonly what: 'history';
      readonly topic: string;
      readonly since: number | undefined;
      readonly limit: number;
      readonly isReverse: boolean;
    }
  | { readonly what: 'presence'; readonly topic: string; readonly limit: number };

export type TopicAnswer =
  | ({ readonly what: 'published'; readonly isRepeat: boolean } & TopicPosition)
  | {
      readonly what: 'history';
      readonly epoch: string;
      /** Of the last message, kept or not. */
      readonly top: number;
      readonly messages: readonly TopicMessage[];
      /** There are more on this way. */
      readonly more: boolean;
    }
  | {
      readonly what: 'presence';
      /** `owner` is a worker's lease, '' while it lingers; those of a worker that is gone are left out. */
      readonly members: readonly (PresenceMember & { readonly owner: string })[];
      /** All that the store has, listed or not. */
      readonly total: number;
    }
  | { readonly what: 'tooLarge'; readonly maxBytes: number }
  /** `detail` is for the operator: what was expected, what came. */
  | { readonly what: 'unavailable'; readonly detail: string };
