/** The addresses of a worker as one: what holds for one of them holds for each. In the order of `listen`. */
import type { ListenConfig, RouteConfig } from '../config.js';
import type { ClientSockets } from './client-sockets.js';
import { Listener, type ListenerHandler } from './listener.js';
import { socketBounds } from './socket-bounds.js';

export class Listeners {
  readonly #config: readonly ListenConfig[];
  readonly #all: readonly Listener[];

  constructor(config: readonly ListenConfig[], handler: ListenerHandler, sockets: ClientSockets) {
    this.#config = config;
    this.#all = config.map((listen) => new Listener(listen, handler, sockets));
  }

  /**
   * Resolves with the bound ports.
   * @param sharedSockets descriptors for the listeners with `proxyProtocol`, see ProxyFront.
   */
  listen(sharedSockets: readonly number[] = []): Promise<readonly number[]> {
    const shared = sharedSockets.values();
    const isShared = (index: number): boolean => this.#config[index]?.proxyProtocol !== undefined;
    return Promise.all(
      this.#all.map((listener, index) => listener.listen(isShared(index) ? shared.next().value : undefined)),
    );
  }

  /** For connections that come from now on. */
  setBounds(routes: readonly RouteConfig[]): void {
    const bounds = socketBounds(routes);
    for (const listener of this.#all) listener.setBounds(bounds);
  }

  /** Resolves when no connection gets the old certificates any more; with the reasons of those who could not take the new ones. */
  async takeTls(config: readonly ListenConfig[]): Promise<readonly unknown[]> {
    const takings = this.#all.map((listener, index) => listener.takeTls(config[index]?.tls));
    const taken = await Promise.allSettled(takings);
    return taken.flatMap((one) => (one.status === 'rejected' ? [one.reason as unknown] : []));
  }

  /** For topics: to all clients that listen on the channel, whichever address they came to. */
  publish(channel: string, frame: Uint8Array | string, isBinary: boolean): void {
    for (const listener of this.#all) listener.publish(channel, frame, isBinary);
  }

  /** Connections with a front in it, see ProxyFront. */
  get relayedSockets(): number {
    return this.#all.reduce((sum, { relayedSockets }) => sum + relayedSockets, 0);
  }

  /** No new connections; open ones stay. */
  async stopListening(): Promise<void> {
    await afterAccepting();
    for (const listener of this.#all) listener.stopListening();
  }

  /** Cuts every connection. */
  close(): void {
    for (const listener of this.#all) listener.close();
  }
}

/** What waits to be accepted when its listener is closed is reset: it is closed when a poll has just taken all there was. */
function afterAccepting(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
