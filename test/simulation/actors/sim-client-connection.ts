/**
 * A client's connection as a worker's session has it, over a link: it behaves as uWebSockets.js does where that matters. What
 * came is gone after the call that brings it, `end` tells of the end before it returns, and over a bound nothing is taken.
 */
import type { DownstreamHandler, SendResult } from '../../../packages/worker/src/listener/downstream-socket.js';
import type { ClientConnection } from '../../../packages/worker/src/session/client-connection.js';
import type { LinkEnd } from '../link.js';

const MAX_BUFFERED_BYTES = 2 * 1024 * 1024;

export class SimClientConnection implements ClientConnection {
  readonly #end: LinkEnd;
  readonly #handler: Pick<DownstreamHandler, 'onClose'>;

  constructor(end: LinkEnd, handler: DownstreamHandler) {
    this.#end = end;
    this.#handler = handler;
    end.onMessage = (message) => {
      const bytes = typeof message === 'string' ? new TextEncoder().encode(message) : message;
      handler.onMessage(bytes.buffer, typeof message !== 'string');
      bytes.fill(0);
    };
    end.onWritable = () => handler.onWritable();
    end.onClose = (code, reason) => handler.onClose(code, reason);
  }

  get bufferedBytes(): number {
    return this.#end.bufferedBytes;
  }

  send(data: Uint8Array | string, isBinary: boolean): SendResult {
    if (this.#end.isClosed || this.bufferedBytes > MAX_BUFFERED_BYTES) return 'dropped';
    if (isBinary) this.#end.send(new Uint8Array(data as Uint8Array));
    else this.#end.send(typeof data === 'string' ? data : Buffer.from(data).toString());
    return this.bufferedBytes > 0 ? 'buffered' : 'sent';
  }

  ping(): void {}

  cork(writes: () => void): void {
    writes();
  }

  /** Nothing is published to topics here. */
  listen(): void {}

  unlisten(): void {}

  end(code: number, reason: string): void {
    if (this.#end.isClosed) return;
    this.#end.close(code, reason);
    this.#handler.onClose(code, reason);
  }

  terminate(): void {
    this.end(1006, '');
  }
}
