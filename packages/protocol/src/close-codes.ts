/**
 * Codes that Holdfast sends of its own accord, used as `CloseCode.Normal`. Registered ones keep their meaning from RFC 6455 and the
 * IANA registry; 4000–4499 tell our own clients to come back, 4500–4999 to stop. PROTOCOL.md has the table. A module
 * of constants and not an object: bundlers write the few that a client uses in place, where an object stays whole.
 */

export const Normal = 1000;
/** The balancer stops, or the connection reached its idle or lifetime limit. Reconnect. */
export const GoingAway = 1001;
export const ProtocolError = 1002;
/** Text that is not UTF-8. */
export const InvalidPayload = 1007;
/** The client broke a limit that the operator set, such as messages per second. */
export const PolicyViolation = 1008;
export const MessageTooBig = 1009;
/** The backend failed: reset, gone without a close frame, or it broke the protocol. */
export const InternalError = 1011;
/** The backend restarts, and the pool asks for `onBackendLoss: close`. */
export const ServiceRestart = 1012;
/** A queue to a slow peer is full. Reconnect later. */
export const TryAgainLater = 1013;
/** A newer connection has the session: this one must not come back. */
export const Replaced = 4003;
export const HelloTimeout = 4004;
export const SlowConsumer = 4008;
/** The time that a goaway gave is over. */
export const Leaving = 4009;
/** A number is missing: resume, and it is sent again. */
export const SequenceGap = 4010;
export const Stale = 4011;
export const Overloaded = 4013;
export const BrokeProtocol = 4400;
/** Not our token: the session is lost, begin a new one. */
export const ResumeRefused = 4401;
export const UnknownSession = 4404;
export const TrunkHandshakeTimeout = 4408;
/** A higher generation of the session exists. */
export const Fenced = 4409;
export const BadRequest = 4500;
export const BadCredentials = 4501;
export const Forbidden = 4503;
export const UnsupportedVersion = 4505;
