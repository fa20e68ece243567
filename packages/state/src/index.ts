// Start here
export { createSharedState } from './create-shared-state.js';

// Engines, for those who compose them otherwise
export { createEmbeddedState } from './embedded/client.js';
export { createRedisState } from './redis/engine.js';
export { createResilientState } from './resilient.js';

// The supervisor's side of the embedded engine
export { EMBEDDED_METHODS, handleCall } from './embedded/server.js';
export { EmbeddedStore } from './embedded/store.js';

// For those who read configurations
export { isRedisUrl } from './redis/address.js';

// Errors and limits
export { isEngineFailure, STATE_ERROR_CODES, StateError } from './errors.js';
export { MAX_LEASE_INFO_BYTES, MAX_LEASES } from './lease-store.js';
export { MAX_PRESENCE_LISTED, MAX_PRESENCE_MEMBERS, PRESENCE_TTL_MS } from './presence-store.js';
export {
  MAX_GENERATION,
  MAX_ID_BYTES,
  MAX_PRINCIPAL_BYTES,
  MAX_STATE_BYTES,
  MAX_TAIL_BYTES,
  MAX_TAIL_ENTRIES,
} from './session-store.js';
export { MAX_BACKEND_ID_BYTES, MAX_KEY_BYTES, MAX_POOL_BYTES, MAX_TTL_MS } from './shared-state.js';
export { MAX_PRESENCE_INFO_BYTES } from './topic-bus.js';
export {
  IDEMPOTENCY_MS,
  MAX_IDEMPOTENCY_KEY_BYTES,
  MAX_POSITIONS_AT_ONCE,
  MAX_READ_BYTES,
  MAX_READ_MESSAGES,
  MAX_RETAINED_MESSAGES,
  MAX_TOPIC_BYTES,
  MAX_TOPIC_MESSAGE_BYTES,
} from './topic-store.js';

// Types
export type { SharedStateConfig, SharedStateDeps } from './create-shared-state.js';
export type { EmbeddedStateOptions, ListenToPushes, StateCall } from './embedded/client.js';
export type { EmbeddedStoreOptions, EmbeddedStoreStats } from './embedded/store.js';
export type { TopicFeed, TopicFeedOptions, TopicPush } from './embedded/topic-feed.js';
export type { StateErrorCode } from './errors.js';
export type { Lease, LeaseKind, LeaseStore, LiveLease } from './lease-store.js';
export type { PresenceJoin, PresenceLeave, PresenceList, PresenceStore } from './presence-store.js';
export type { RedisStateOptions } from './redis/engine.js';
export type { ResilientState, ResilientStateOptions } from './resilient.js';
export type {
  Checkpoint,
  CommitOutcome,
  CommitRequest,
  CreateOutcome,
  NewSession,
  Parked,
  ParkedCounters,
  ParkOutcome,
  ParkRequest,
  RebindOutcome,
  RebindRequest,
  RemoveOutcome,
  ResumeOutcome,
  ResumeRequest,
  SessionRecord,
  SessionStore,
  TailEntry,
} from './session-store.js';
export type { AffinityStore, OnCall, OnHealthChange, SharedState, StateHealth, StateLog } from './shared-state.js';
export type { PresenceEvent, PresenceMember, TopicBus, TopicBusListener } from './topic-bus.js';
export type {
  NewTopicMessage,
  Published,
  ReadTopic,
  TopicMessage,
  TopicPage,
  TopicPosition,
  TopicRetention,
  TopicStore,
} from './topic-store.js';
export type { WriteBackStats } from './write-back.js';
