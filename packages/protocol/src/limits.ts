/** Every limit on the wire, and why it is what it is. PROTOCOL.md is the reference. */

export const SESSION_SUBPROTOCOL = 'holdfast.v1';
export const TRUNK_SUBPROTOCOL = 'holdfast-trunk.v1';
export const PROTOCOL_VERSION = 1;
export const TRUNK_PATH = '/.holdfast/trunk';

/** A control frame carries credentials at most: browsers' cookies and JWTs stay below. */
export const MAX_CONTROL_BYTES: number = 16 * 1024;
/** Kind, two base-36 numbers of at most 11 digits and their separators: what numbering adds to a message, at most. */
export const MAX_DATA_HEADER_BYTES = 25;
/** A hello may name a hundred topics besides: longer than other control frames, though nobody is known yet. */
export const MAX_HELLO_BYTES: number = 64 * 1024;
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

/** Of a topic's name, in UTF-8: it stands in front of each message. */
export const MAX_TOPIC_BYTES = 200;
/** Kind, a length of two digits, an offset of eleven, their separators and the name: more than the binary form takes. */
export const MAX_TOPIC_HEADER_BYTES: number = 16 + MAX_TOPIC_BYTES;
/** Largest message of a topic: it is kept in memory by whoever keeps the history, and by each worker that repairs a gap. */
export const MAX_TOPIC_MESSAGE_BYTES: number = 1024 * 1024;
/** Topics of one session: each is named again in its next hello. */
export const MAX_SESSION_TOPICS = 100;
/** One page of history. */
export const MAX_HISTORY_MESSAGES = 1000;
/** A page that is not asked for by length. */
export const DEFAULT_HISTORY_MESSAGES = 100;
/** Of a page's data and of a list of members, before they are JSON; one message may be larger. */
export const MAX_TOPIC_RESULT_BYTES: number = 1024 * 1024;
/** What a member says about itself, as JSON: all of it comes with each list. */
export const MAX_PRESENCE_INFO_BYTES = 1024;
/** A repeat is known by it. */
export const MAX_IDEMPOTENCY_KEY_BYTES = 128;

export interface Bound {
  readonly messages: number;
  readonly bytes: number;
}
