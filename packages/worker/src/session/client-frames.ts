/**
 * What a client sends besides data and acks: control frames, and frames about topics. Read here, and passed to whose business it
 * is; what breaks the protocol ends the connection.
 */
import { encodeJson, MAX_TOPIC_HEADER_BYTES, PONG, ProtocolError, TopicKind } from '@holdfast/protocol';
import { isTopicFrame } from '../topic/client-topics.js';
import { type ClientControl, readClientControl } from './client-control.js';
import type { SessionHost } from './session-host.js';
import type { SessionOnTopics } from './session-on-topics.js';
import { isWelcomed, type SessionEvent, type SessionState } from './state.js';

/** `bytes` is valid during the call only. */
export interface ClientFrame {
  readonly bytes: Uint8Array;
  readonly isBinary: boolean;
}

/** What control frames act on; a Session is one. */
export interface ControlledSession {
  readonly state: SessionState;
  readonly onTopics: SessionOnTopics;
  /** Is a message of so many bytes, in a frame of so many, within the limits? Otherwise it has been closed. */
  allows(bytes: number, frameBytes: number): boolean;
  send(frame: string): void;
  move(event: SessionEvent): void;
  onResync(counters: Uint8Array): void;
  /** The client ended it. */
  leave(code: number, reason: string): void;
  close(code: number, reason: string): void;
}

export function takeClientFrame<S extends ControlledSession>(
  session: S,
  host: SessionHost<S>,
  frame: ClientFrame,
): void {
  try {
    if (isTopicFrame(frame.bytes[0], frame.isBinary)) takeTopicFrame(session, host, frame);
    else takeControl(session, host, readClientControl(frame.bytes, frame.isBinary));
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    session.close(error.closeCode, error.message);
  }
}

function takeTopicFrame<S extends ControlledSession>(
  session: S,
  host: SessionHost<S>,
  { bytes, isBinary }: ClientFrame,
): void {
  expectWelcomed(session, 'topic frame');
  // What it publishes is held to the same limits as what it sends its backend.
  const isPublish = bytes[0] === TopicKind.PublishText || bytes[0] === TopicKind.PublishBinary;
  if (session.allows(isPublish ? bytes.length - MAX_TOPIC_HEADER_BYTES : 0, bytes.length)) {
    host.topics.onClientFrame(session.onTopics, bytes, isBinary);
  }
}

function takeControl<S extends ControlledSession>(session: S, host: SessionHost<S>, control: ClientControl): void {
  if (control.type === 'hello') {
    session.move('hello');
    host.onHello(session, control.hello, control.held);
    return;
  }
  expectWelcomed(session, control.type);
  switch (control.type) {
    case 'resync':
      return session.onResync(encodeJson(control.counters));
    case 'ping':
      return session.send(PONG);
    case 'pong':
      return;
    case 'auth':
      return host.onAuth(session, control.auth);
    case 'close':
      return session.leave(control.close.code, control.close.reason);
  }
}

function expectWelcomed({ state }: ControlledSession, what: string): void {
  if (!isWelcomed(state)) throw new ProtocolError(`${what}: expected the welcome before it`);
}
