// Close codes
export {
  ABNORMAL_CLOSURE,
  afterClose,
  CloseCode,
  cutCloseReason,
  isWireCloseCode,
  MAX_CLOSE_REASON_BYTES,
  NO_STATUS_RECEIVED,
} from './close-code.js';

// Errors
export { ProtocolError, unexpected } from './protocol-error.js';

// Identifiers and limits
export { INCARNATION_BYTES, isIncarnation, isSessionId, SESSION_ID_BYTES, supersedes } from './ids.js';
export {
  ACK_AFTER,
  CLIENT_QUEUE,
  DEFAULT_HISTORY_MESSAGES,
  DOWN_TAIL,
  HELLO_TIMEOUT_MS,
  MAX_BATCH_BYTES,
  MAX_CONTROL_BYTES,
  MAX_DATA_HEADER_BYTES,
  MAX_DURATION_MS,
  MAX_FRAME_BYTES,
  MAX_HELLO_BYTES,
  MAX_HISTORY_MESSAGES,
  MAX_IDEMPOTENCY_KEY_BYTES,
  MAX_MESSAGE_BYTES,
  MAX_OPEN_REQUESTS,
  MAX_PING_BYTES,
  MAX_PRESENCE_INFO_BYTES,
  MAX_SESSION_TOPICS,
  MAX_STATE_BYTES,
  MAX_TOPIC_BYTES,
  MAX_TOPIC_HEADER_BYTES,
  MAX_TOPIC_MESSAGE_BYTES,
  MAX_TOPIC_RESULT_BYTES,
  PARKED_TAIL,
  PROTOCOL_VERSION,
  REQUEST_TIMEOUT_MS,
  SESSION_SUBPROTOCOL,
  TRUNK_HANDSHAKE_TIMEOUT_MS,
  TRUNK_PATH,
  TRUNK_SUBPROTOCOL,
} from './limits.js';

// holdfast.v1: client and worker
export {
  decodeClientFrame,
  decodeControl,
  encodeAck,
  encodeBinary,
  encodeText,
  isEndToEnd,
  readDataHeader,
  SessionKind,
  writeAck,
  writeBinaryHeader,
  writeTextHeader,
} from './session-frame.js';
export {
  encodeAuth,
  encodeClose,
  encodeGoAway,
  encodeHello,
  encodePing,
  encodeRehomed,
  encodeResync,
  encodeToken,
  encodeWelcome,
  PING,
  PONG,
  readAuth,
  readClose,
  readCounters,
  readGoAway,
  readHello,
  readPing,
  readRehomed,
  readToken,
  readWelcome,
} from './session-control.js';

// holdfast.v1: topics
export { isTopicName, isTopicPattern, matchesTopic } from './topic-name.js';
export {
  decodeTopicBinary,
  decodeTopicText,
  encodePublishBinary,
  encodePublishText,
  encodeTopicMessage,
  readPublish,
  TopicKind,
} from './topic-frame.js';
export {
  encodeHeldTopics,
  encodeHistory,
  encodeLagging,
  encodePresence,
  encodePresenceChange,
  encodeSubscribe,
  encodeSubscribed,
  encodeSubscribeRefused,
  encodeUnsubscribe,
  readHeldTopics,
  readHistory,
  readLagging,
  readPresenceChange,
  readRef,
  readSubscribe,
  readSubscribed,
  readTopic,
} from './topic-control.js';
export {
  encodeTopicFailure,
  encodeTopicResult,
  readHistoryPage,
  readMemberList,
  readPublished,
  readResult,
} from './topic-result.js';

// holdfast-trunk.v1: worker and backend
export { BatchWriter, readBatch, TRUNK_STREAM, TrunkKind } from './trunk-frame.js';
export { OpenRequests } from './open-requests.js';
export {
  agreeOnVersion,
  decodeCloseFrame,
  encodeCloseFrame,
  readChallenge,
  readDrain,
  readHandoff,
  readLoad,
  readOpen,
  readOpened,
  readProve,
  readReady,
  readTopicJoin,
} from './trunk-control.js';
export { readAuthenticated, readAuthorized, readCommitOutcome, readParkOutcome, readRequest } from './trunk-request.js';
export { decodeJson, decodeWithTail, encodeJson, encodeWithTail } from './tail.js';

// Numbering, acknowledgement, reconnection: pure, for both ends
export { Inbox } from './inbox.js';
export { Outbox } from './outbox.js';
export { firstDelayMs, promptDelayMs, ReconnectSchedule, retryDelayMs, STABLE_AFTER_MS } from './pacing.js';

// Types
export type { Answer } from './open-requests.js';
export type { AfterClose } from './close-code.js';
export type { Arrival } from './inbox.js';
export type { Bound } from './limits.js';
export type {
  ClientCounters,
  CloseBody,
  GoAway,
  Hello,
  LostRange,
  Rehomed,
  TokenBody,
  Welcome,
} from './session-control.js';
export type { ClientFrame, DataHeader } from './session-frame.js';
export type { TailEntry } from './tail.js';
export type {
  HeldTopic,
  HistoryQuery,
  PresenceChange,
  Subscribe,
  Subscribed,
  SubscribeRefused,
  TopicMember,
  TopicPosition,
  TopicRefusal,
} from './topic-control.js';
export type { OutgoingTopicMessage, Publish, TopicFrame } from './topic-frame.js';
export type { HistoryEntry, HistoryEntryBody, HistoryPage, MemberList, ResultBody } from './topic-result.js';
export type {
  Body,
  Challenge,
  ClientRequest,
  Drain,
  Handoff,
  Load,
  Open,
  OpenCause,
  Opened,
  Prove,
  Ready,
  SessionCounters,
  TopicJoin,
} from './trunk-control.js';
export type { Allocate, FrameVisitor } from './trunk-frame.js';
export type {
  AuthenticateBody,
  Authenticated,
  AuthorizeBody,
  Authorized,
  CommitBody,
  CommitOutcome,
  HistoryBody,
  ParkBody,
  ParkOutcome,
  PresenceBody,
  PublishBody,
  RequestBody,
  TopicAction,
  TopicAsk,
} from './trunk-request.js';
