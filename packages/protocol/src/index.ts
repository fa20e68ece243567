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
export { ProtocolError } from './protocol-error.js';

// Identifiers and limits
export { INCARNATION_BYTES, isIncarnation, isSessionId, SESSION_ID_BYTES, supersedes } from './ids.js';
export {
  ACK_AFTER,
  CLIENT_QUEUE,
  DOWN_TAIL,
  HELLO_TIMEOUT_MS,
  MAX_BATCH_BYTES,
  MAX_CONTROL_BYTES,
  MAX_DATA_HEADER_BYTES,
  MAX_FRAME_BYTES,
  MAX_MESSAGE_BYTES,
  MAX_OPEN_REQUESTS,
  MAX_PING_BYTES,
  MAX_STATE_BYTES,
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

// holdfast-trunk.v1: worker and backend
export { BatchWriter, readBatch, TRUNK_STREAM, TrunkKind } from './trunk-frame.js';
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
} from './trunk-control.js';
export { readAuthenticated, readCommitOutcome, readParkOutcome, readRequest, readResult } from './trunk-request.js';
export { decodeJson, decodeWithTail, encodeJson, encodeWithTail } from './tail.js';

// Numbering, acknowledgement, reconnection: pure, for both ends
export { Inbox } from './inbox.js';
export { Outbox } from './outbox.js';
export { firstDelayMs, promptDelayMs, ReconnectSchedule, retryDelayMs, STABLE_AFTER_MS } from './pacing.js';

// Types
export type { AfterClose } from './close-code.js';
export type { Arrival } from './inbox.js';
export type { Bound } from './limits.js';
export type { ClientCounters, CloseBody, GoAway, Hello, LostRange, Rehomed, Welcome } from './session-control.js';
export type { ClientFrame, DataHeader } from './session-frame.js';
export type { TailEntry } from './tail.js';
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
} from './trunk-control.js';
export type { Allocate, FrameVisitor } from './trunk-frame.js';
export type {
  AuthenticateBody,
  Authenticated,
  CommitBody,
  CommitOutcome,
  ParkBody,
  ParkOutcome,
  RequestBody,
  ResultBody,
} from './trunk-request.js';
