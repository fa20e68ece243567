/**
 * Why uWebSockets.js ended a connection on its own: it reports 1006 with a sentence of its own as the reason. Turned
 * into the close code that says the same to the backend (RFC 6455 §7.4.1). Pure.
 *
 * Two of its checks are its own: codes 1012–1014 and 3000–3999 of a client count as invalid (a client rarely sends
 * those; what it sent is not told, so the backend sees a close without a code), and a frame that is not masked is not noticed.
 */
import { CloseCode, NO_STATUS_RECEIVED } from '@holdfast/protocol';

export interface ClientFault {
  /** For the backend; 1005: a close frame without a code. */
  readonly code: number;
  readonly isTooBig: boolean;
}

const FAULTS: Readonly<Record<string, ClientFault>> = {
  'Received invalid close payload': { code: NO_STATUS_RECEIVED, isTooBig: false },
  'Received invalid UTF-8': { code: CloseCode.InvalidPayload, isTooBig: false },
  'Received invalid WebSocket frame': { code: CloseCode.ProtocolError, isTooBig: false },
  'Received too big message': { code: CloseCode.MessageTooBig, isTooBig: true },
  'Received too big message, or other inflation error': { code: CloseCode.MessageTooBig, isTooBig: true },
};

/** Undefined: the connection just ended. */
export function clientFault(reason: string): ClientFault | undefined {
  return Object.hasOwn(FAULTS, reason) ? FAULTS[reason] : undefined;
}
