/**
 * One connection of a client to a listener with `proxyProtocol`: its header is read and taken off, then it and a connection to
 * the native listener are joined, byte for byte, whatever they carry. A slow side pauses the other (`pipe`). A reset of one
 * side is a reset of the other; where the native side ends in order, its client gets what is left, within a time.
 */
import type net from 'node:net';
import type { Arrival } from './inner-addresses.js';
import { MAX_HEADER_BYTES, normalized, readProxyHeader, type ProxiedPair } from './header.js';

export interface FrontConnectionOptions {
  readonly socket: net.Socket;
  /** Peers whose header is believed, and demanded. */
  readonly isTrusted: (address: string) => boolean;
  /** Connects to the native listener as this client. */
  readonly join: (arrival: Arrival) => net.Socket;
  readonly onRefused: (peer: string, detail: string) => void;
}

/** A peer that is to send a header sends it first of all. */
const HEADER_MS = 3_000;
/** Anybody else may be as slow as the native listener lets it; and so long a client may take for what is left for it. */
const SILENCE_MS = 10_000;

export class FrontConnection {
  readonly #options: FrontConnectionOptions;
  readonly #socket: net.Socket;
  readonly #peer: string;
  readonly #isTrusted: boolean;
  #head: Buffer = Buffer.alloc(0);
  readonly #timer: NodeJS.Timeout;
  readonly #onData = (chunk: Buffer): void => this.#read(chunk);

  constructor(options: FrontConnectionOptions) {
    const { socket } = options;
    this.#options = options;
    this.#socket = socket;
    this.#peer = normalized(socket.remoteAddress ?? '');
    this.#isTrusted = options.isTrusted(this.#peer);
    this.#timer = setTimeout(() => this.#onSilence(), this.#isTrusted ? HEADER_MS : SILENCE_MS);
  }

  start(): void {
    const socket = this.#socket.setNoDelay(true);
    // It ends with `close`, which follows.
    socket.on('error', () => undefined);
    socket.on('close', () => clearTimeout(this.#timer));
    socket.on('data', this.#onData);
  }

  #read(chunk: Buffer): void {
    this.#head = this.#head.length === 0 ? chunk : Buffer.concat([this.#head, chunk]);
    const header = readProxyHeader(this.#head.subarray(0, MAX_HEADER_BYTES));
    if (this.#isTrusted) {
      if (header.name === 'absent') this.#refuse('expected a PROXY header of this peer, got something else');
      else if (header.name === 'malformed') this.#refuse(header.detail);
      else if (header.name === 'whole') this.#join(this.#arrival(header.pair), this.#head.subarray(header.length));
    } else if (header.name === 'absent') {
      this.#join(this.#arrival(undefined), this.#head);
    } else if (header.name !== 'incomplete' || header.isCertain) {
      this.#refuse('expected no PROXY header of this peer, got one');
    }
  }

  #onSilence(): void {
    if (this.#isTrusted) this.#refuse(`expected a PROXY header within ${HEADER_MS} ms`);
    else this.#socket.destroy();
  }

  #refuse(detail: string): void {
    clearTimeout(this.#timer);
    this.#socket.removeListener('data', this.#onData);
    this.#socket.destroy();
    this.#options.onRefused(this.#peer, detail);
  }

  /** Without a pair, the peer speaks for itself. */
  #arrival(pair: ProxiedPair | undefined): Arrival {
    const { remotePort = 0, localAddress = '', localPort = 0 } = this.#socket;
    if (pair === undefined) {
      return { remoteAddress: this.#peer, ends: { remotePort, localAddress: normalized(localAddress), localPort } };
    }
    const { client, destination } = pair;
    const ends = { remotePort: client.port, localAddress: destination.address, localPort: destination.port };
    return { remoteAddress: client.address, ends };
  }

  #join(arrival: Arrival, rest: Buffer): void {
    clearTimeout(this.#timer);
    const socket = this.#socket;
    socket.removeListener('data', this.#onData);
    this.#head = Buffer.alloc(0);
    const inner = this.#options.join(arrival).setNoDelay(true);
    socket.on('error', () => inner.resetAndDestroy()).on('close', () => inner.destroy());
    inner.on('error', () => socket.resetAndDestroy());
    // What it sent before its end is on its way to a client that may never read it.
    inner.on('close', () => socket.setTimeout(SILENCE_MS, () => socket.destroy()));
    if (rest.length > 0) inner.write(rest);
    socket.pipe(inner);
    inner.pipe(socket);
  }
}
