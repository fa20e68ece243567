/**
 * The words that metrics and the access log use for how things ended.
 */

/** How a WebSocket handshake was answered. */
export type HandshakeResult =
  | 'accepted'
  /** The backend said no; its answer was passed on. */
  | 'refused'
  /** We said no: 404, 403, 429, 426, 400. */
  | 'rejected'
  /** No backend could be reached: 503. */
  | 'unavailable'
  /** 504. */
  | 'timeout'
  /** The backend's answer broke the protocol, or it went away before it had answered: 502. */
  | 'invalid'
  /** The client left before it was answered. */
  | 'aborted';

/** Who ended a connection first. `edge` is Holdfast itself. */
export type ClosedBy = 'client' | 'backend' | 'edge';
