/**
 * What a session needs of its client's connection, and what it is told by it. A DownstreamSocket is one; so is the fake of a
 * test or a simulation, which is why nothing here knows sockets.
 */
import type { SendResult } from '../listener/downstream-socket.js';

export interface ClientConnection {
  /** Bytes are copied or sent before it returns. */
  send(data: Uint8Array | string, isBinary: boolean): SendResult;
  /** Taken, and not yet taken by the network. */
  readonly bufferedBytes: number;
  /** A ping of WebSocket's own, for clients that know no other. */
  ping(): void;
  /** What `writes` sends leaves together. */
  cork(writes: () => void): void;
  /** It is sent what is published on this channel from now on (Broadcast in topic/session-topics.ts). */
  listen(channel: string): void;
  unlisten(channel: string): void;
  /** Close frame, then the connection. */
  end(code: number, reason: string): void;
  /** Without a close frame. */
  terminate(): void;
}
