/**
 * In front of the native listener where `proxyProtocol` is configured: that one believes a header of anybody, reads version 2
 * only, and reads it inside of TLS. So connections are taken here, freed of their header, and handed on to the native
 * listener on a private port of this process. Costs a second passage through the kernel (docs/adr/0010). All workers accept
 * from one socket, which they inherit from their supervisor: node:net cannot share an address by SO_REUSEPORT on Node 20.
 */
import net, { type AddressInfo } from 'node:net';
import { AddressList } from '../routing/address-list.js';
import { FrontConnection } from './front-connection.js';
import { InnerAddresses, type Arrival } from './inner-addresses.js';

export interface ProxyFrontOptions {
  /** Addresses and CIDR blocks. */
  readonly from: readonly string[];
  /** `peer` sent a header that is not believed, or none where one is demanded: it was cut. */
  readonly onRefused: (peer: string, detail: string) => void;
}

/** A descriptor of a socket that is bound, or where to bind one. */
export type FrontAddress = { readonly fd: number } | { readonly host: string; readonly port: number };

/** The private port is reached from this machine only. */
export const INNER_HOST = '127.0.0.1';
const BACKLOG = 511;

export class ProxyFront {
  readonly #options: ProxyFrontOptions;
  readonly #trusted: AddressList;
  readonly #addresses = new InnerAddresses(Math.random);
  readonly #sockets = new Set<net.Socket>();
  readonly #server: net.Server;
  #innerPort = 0;

  constructor(options: ProxyFrontOptions) {
    this.#options = options;
    this.#trusted = new AddressList(options.from);
    this.#server = net.createServer((socket) => this.#onSocket(socket));
    // Such as too many open files: node:net has closed what it could not take.
    this.#server.on('error', () => undefined);
  }

  /** Resolves with the port that clients come to. */
  listen(address: FrontAddress, innerPort: number): Promise<number> {
    this.#innerPort = innerPort;
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen({ ...address, backlog: BACKLOG }, () => {
        this.#server.removeListener('error', reject);
        resolve((this.#server.address() as AddressInfo).port);
      });
    });
  }

  /** Connections that are open; each takes two descriptors besides the native listener's. */
  get size(): number {
    return this.#sockets.size;
  }

  /** May the native listener take this connection? Asked once for each, at its beginning. */
  isOurs(address: string): boolean {
    return this.#addresses.take(address);
  }

  /** Who is behind a connection of the native listener. */
  arrivalOf(address: string): Arrival | undefined {
    return this.#addresses.arrivalOf(address);
  }

  /** No new connections; open ones stay as long as the native listener keeps them. */
  stopListening(): void {
    this.#server.close();
  }

  /** Cuts every connection. */
  close(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  #onSocket(socket: net.Socket): void {
    this.#sockets.add(socket);
    socket.on('close', () => this.#sockets.delete(socket));
    const connection = new FrontConnection({
      socket,
      isTrusted: (address) => this.#trusted.has(address),
      join: (arrival) => this.#join(arrival),
      onRefused: this.#options.onRefused,
    });
    connection.start();
  }

  #join(arrival: Arrival): net.Socket {
    const localAddress = this.#addresses.reserve(arrival);
    const inner = net.connect({ host: INNER_HOST, port: this.#innerPort, localAddress });
    return inner.on('close', () => this.#addresses.release(localAddress));
  }
}
