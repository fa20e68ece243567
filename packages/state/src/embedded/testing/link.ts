/**
 * A process border without a process, between a worker and the supervisor's store: what crosses it is cloned, calls and
 * pushes keep their order each, and errors keep only their message.
 */
import type { EmbeddedStateOptions } from '../client.js';
import { handleCall } from '../server.js';
import type { EmbeddedStore } from '../store.js';
import type { TopicFeed } from '../topic-feed.js';

type Link = Required<Pick<EmbeddedStateOptions, 'call' | 'listen'>> & { readonly feed: TopicFeed };

export function linkTo(store: EmbeddedStore): Link {
  let onPush: (push: unknown) => void = () => undefined;
  const feed = store.openFeed({
    send: (push, onSent) => {
      const arrived = structuredClone(push);
      setImmediate(() => {
        onPush(arrived);
        onSent();
      });
      return true;
    },
  });
  return {
    feed,
    listen: (listener) => {
      onPush = listener;
    },
    call: async (method, args) => {
      const arrived = structuredClone({ method, args });
      await new Promise((resolve) => setImmediate(resolve));
      try {
        return structuredClone(handleCall(store, arrived.method, arrived.args, feed));
      } catch (error) {
        throw new Error((error as Error).message, { cause: error });
      }
    },
  };
}
