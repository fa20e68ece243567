/** What a session and its topics (topics.ts) are to each other. Types alone: the one does not carry the weight of the other. */
import type { Emitter } from './emitter.js';
import type { Payload } from './payload.js';
import type { SessionEvents, SessionState } from './session-events.js';
import type { SubscribeOptions, Subscription } from './subscription.js';

/** The session, as its topics see it. */
export interface TopicHost {
  readonly emitter: Emitter<SessionEvents>;
  readonly link: TopicLink;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  maxMessageBytes(): number;
  present(data: Payload): string | ArrayBuffer | Blob;
}

/** The monitor, as topics see it. */
export interface TopicLink {
  readonly state: SessionState;
  readonly pacingMs: number;
  /** Held: nothing is said on it, since a successor has said hello. */
  readonly current: { readonly isHeld: boolean; send(frame: Payload): void } | undefined;
}

/** The topics of a session, as it sees them. */
export interface TopicTable {
  subscribe(topic: string, options?: SubscribeOptions): Subscription;
  /** For the hello: what is heard, and up to where. */
  hello(): readonly unknown[] | undefined;
  /** The connection takes what waits. */
  onOpen(): void;
  onMessage(message: string | ArrayBuffer): void;
  onControl(type: string, body: Readonly<Record<string, unknown>>): void;
}

/** What the option `topics` takes. */
export type Topics = (host: TopicHost) => TopicTable;
