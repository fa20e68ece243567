// Backends
export { Backend, createBackend } from './backend.js';
export { BackendSession } from './session.js';
export { DEFAULTS } from './options.js';

// Errors
export { BACKEND_ERROR_CODES, BackendError } from './errors.js';

// Types
export type {
  HistoryEntry,
  HistoryPage,
  MemberList,
  TopicAction,
  TopicMember,
  TopicPosition,
} from '@holdfast/protocol';
export type { AuthorizationRequest, Authorize, Permission } from './authorize.js';
export type { BackendEvents, TrunkChange } from './backend.js';
export type { CommitOutcome } from './commits.js';
export type { DrainReport } from './drain.js';
export type { Listener } from './emitter.js';
export type { BackendErrorCode, BackendErrorDetails } from './errors.js';
export type { MessageHandler, MessageInfo } from './handler-queue.js';
export type { AuthenticationRequest, Authenticate, BackendLog, BackendOptions, Identity } from './options.js';
export type { SessionListeners } from './session.js';
export type { SessionEnd, SessionEvents, SessionOrigin } from './session-events.js';
export type { HistoryOptions, MemberInfo } from './topic-arguments.js';
export type { PublishOptions } from './topics.js';
export type { TrunkTransport } from './transport.js';
