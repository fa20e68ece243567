/** Every limit on the wire, and why it is what it is. PROTOCOL.md is the reference. */

export const SESSION_SUBPROTOCOL = 'holdfast.v1';
export const TRUNK_SUBPROTOCOL = 'holdfast-trunk.v1';
export const PROTOCOL_VERSION = 1;
export const TRUNK_PATH = '/.holdfast/trunk';

/** A control frame carries credentials at most: browsers' cookies and JWTs stay below. */
export const MAX_CONTROL_BYTES: number = 16 * 1024;
/** Kind, two base-36 numbers of at most 11 digits and their separators: what numbering adds to a message, at most. */
export const MAX_DATA_HEADER_BYTES = 25;
export const HELLO_TIMEOUT_MS = 10_000;
/** Longest duration on the wire: what timers of most platforms can wait, about 24 days. */
export const MAX_DURATION_MS: number = 2 ** 31 - 1;

/** What a client keeps until it is handled. One more message is refused by `send`. */
export const CLIENT_QUEUE: Bound = { messages: 1000, bytes: 1024 * 1024 };
/** What a backend keeps per session until the client has it. */
export const DOWN_TAIL: Bound = { messages: 1024, bytes: 256 * 1024 };
/** What is kept in shared state for a client that is away. */
export const PARKED_TAIL: Bound = { messages: 1000, bytes: 1024 * 1024 };
/** Application state that travels with a session: it is written to shared state in one piece. */
export const MAX_STATE_BYTES: number = 64 * 1024;

/** When to acknowledge without anything to say. */
export const ACK_AFTER: Bound & { readonly ms: number } = { messages: 32, bytes: 64 * 1024, ms: 1000 };

/** A batch is written at the latest when it is this large; only one larger frame makes a larger batch. */
export const MAX_BATCH_BYTES: number = 1024 * 1024;
/** Largest application message on a trunk. */
export const MAX_MESSAGE_BYTES: number = 16 * 1024 * 1024;
/** A frame with the largest message and its numbers, or a session with its headers, state and tail. */
export const MAX_FRAME_BYTES: number = MAX_MESSAGE_BYTES + 1024 * 1024;
export const TRUNK_HANDSHAKE_TIMEOUT_MS = 5000;
export const REQUEST_TIMEOUT_MS = 5000;
export const MAX_OPEN_REQUESTS = 10_000;
export const MAX_PING_BYTES = 64;

export interface Bound {
  readonly messages: number;
  readonly bytes: number;
}
