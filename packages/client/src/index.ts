// Sessions
export { connect } from './connect.js';
export { ResumableWebSocket } from './resumable-websocket.js';
export { topics } from './topics.js';

// Options and errors
export { checkOptions } from './check-options.js';
export { checkUrl } from './check-url.js';
export { DEFAULTS } from './options.js';
export { ClientError } from './errors.js';

// Types
export type { SessionUrl } from './addresses.js';
export type { Listener, ListenerOptions } from './emitter.js';
export type { ClientErrorCode } from './errors.js';
export type { BinaryType, SessionOptions } from './options.js';
export type { Payload } from './payload.js';
export type { ResumableWebSocketClass } from './resumable-websocket.js';
export type { Session } from './session.js';
export type { LostMessages, SessionEvents, SessionState, StateChange } from './session-events.js';
export type {
  History,
  HistoryMessage,
  HistoryOptions,
  SubscribeOptions,
  Subscription,
  SubscriptionState,
} from './subscription.js';
export type { SubscriptionEvents, TopicGap, TopicMessage } from './topic-events.js';
export type { Topics } from './topic-host.js';
export type { TopicItem } from './topic-reader.js';
export type { WebSocketClass, WebSocketLike } from './websocket-like.js';
