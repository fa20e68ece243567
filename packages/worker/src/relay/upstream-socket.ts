/**
 * The TCP connection of a dialled WebSocket. node:net allocates 64 KiB for every read and leaves them to the garbage
 * collector, which gives them back late and in pieces: a worker kept 250 MiB after a thousand clients had stalled.
 * Here all connections read into one buffer, and once the relay takes messages as they come (`lend`), the parser of
 * `ws` works on that buffer itself. Until then, and for what waits because reading is paused, it gets copies.
 *
 * Not for TLS: node:tls has no such way of reading. It hands out pieces of their own size, of one record at most.
 */
import net from 'node:net';
import { FrameCutter } from './frame-cutter.js';

/** The worker's bounds count on one read at most beyond what a connection may buffer. One buffer serves all: reads do not overlap. */
const lentBuffer: Buffer = Buffer.allocUnsafeSlow(64 * 1024);
/** Small, so that what comes in one packet with the answer to the handshake, and waits for the client, is little. */
const copiedBuffer: Buffer = Buffer.allocUnsafeSlow(2 * 1024);

export class UpstreamSocket {
  readonly socket: net.Socket;
  #cutter: FrameCutter | undefined;
  #isLending = false;
  readonly #emit = (bytes: Buffer): void => {
    this.socket.emit('data', bytes);
  };

  constructor(host: string, port: number) {
    const onread = {
      /** Asked for before each read. */
      buffer: () => (this.#isLending ? lentBuffer : copiedBuffer),
      callback: (length: number, buffer: Uint8Array) => this.#onRead(buffer, length),
    };
    this.socket = net.connect({ host, port, onread });
    this.socket.once('close', () => this.#cutter?.release());
  }

  /** The handshake is answered; `early` came in the same packet and goes to the parser by itself. */
  upgraded(early: Buffer, maxMessageBytes: number): void {
    this.#cutter = new FrameCutter(maxMessageBytes);
    this.#cutter.passBy(early);
  }

  /** From now on what listeners of the WebSocket get is valid during the call only. */
  lend(): void {
    this.#isLending = true;
  }

  /** False: read no more until the socket is resumed. */
  #onRead(buffer: Uint8Array, length: number): boolean {
    const bytes = Buffer.from(buffer.buffer, buffer.byteOffset, length);
    const { socket } = this;
    // What waits in the socket goes first, and what comes while it is paused has to wait there too.
    if (this.#isLending && socket.readableLength === 0 && !socket.isPaused()) {
      this.#cutter?.cut(bytes, this.#emit);
      return true;
    }
    return socket.push(this.#cutter?.passBy(bytes) ?? Buffer.from(bytes));
  }
}
