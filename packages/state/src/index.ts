// Start here
export { createSharedState } from './create-shared-state.js';

// Engines, for those who compose them otherwise
export { createEmbeddedState } from './embedded/client.js';
export { createRedisState } from './redis/engine.js';
export { createResilientState } from './resilient.js';

// The supervisor's side of the embedded engine
export { EMBEDDED_METHODS, handleCall } from './embedded/server.js';
export { EmbeddedStore } from './embedded/store.js';

// Errors and limits
export { isEngineFailure, STATE_ERROR_CODES, StateError } from './errors.js';
export { MAX_BACKEND_ID_BYTES, MAX_KEY_BYTES, MAX_POOL_BYTES, MAX_TTL_MS } from './shared-state.js';

// Types
export type { SharedStateConfig, SharedStateDeps } from './create-shared-state.js';
export type { EmbeddedStateOptions, StateCall } from './embedded/client.js';
export type { EmbeddedStoreOptions, EmbeddedStoreStats } from './embedded/store.js';
export type { StateErrorCode } from './errors.js';
export type { RedisStateOptions } from './redis/engine.js';
export type { ResilientState, ResilientStateOptions } from './resilient.js';
export type { AffinityStore, OnCall, OnHealthChange, SharedState, StateHealth, StateLog } from './shared-state.js';
export type { WriteBackStats } from './write-back.js';
