/** createSharedState: picks the engine that the configuration names and composes what goes with it. */
import { createEmbeddedState, type ListenToPushes, type StateCall } from './embedded/client.js';
import { createRedisState } from './redis/engine.js';
import { createResilientState } from './resilient.js';
import type { SharedState, StateLog } from './shared-state.js';

export type SharedStateConfig =
  | { readonly engine: 'embedded' }
  | { readonly engine: 'redis'; readonly url: string; readonly prefix: string; readonly commandTimeoutMs: number };

export interface SharedStateDeps {
  /** Reaches the store in the supervisor, which every machine has, with Redis or without. */
  readonly call: StateCall;
  /** Hears what that store tells of topics; absent: nothing is heard of them. With Redis it is not used. */
  readonly listen?: ListenToPushes | undefined;
  readonly log?: StateLog | undefined;
}

/** Throws STATE_CONFIG for a configuration that can never work; waits for nothing. */
export function createSharedState(config: SharedStateConfig, { call, listen, log }: SharedStateDeps): SharedState {
  const embedded = createEmbeddedState({ call, listen });
  if (config.engine === 'embedded') return embedded;
  const { url, prefix, commandTimeoutMs } = config;
  return createResilientState(createRedisState({ url, prefix, commandTimeoutMs, log }), embedded, { log });
}
