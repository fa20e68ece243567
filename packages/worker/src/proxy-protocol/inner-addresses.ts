/**
 * Which connection of the native listener is whose. It tells of a connection nothing but the peer's address (no port), so the
 * front gives each of its connections an address of its own out of 127.0.0.0/8, which Linux lets everybody connect from.
 * Drawn at random and taken once: another process on this machine, which can reach the private port too, would have to
 * guess one of 16 million in the moment before its owner comes. The number of connections to one port has no bound of 28,000
 * (ephemeral ports) then either.
 */
import type { ConnectionEnds } from '../listener/downstream-request.js';

export interface Arrival {
  readonly remoteAddress: string;
  readonly ends: ConnectionEnds;
}

interface Entry {
  readonly arrival: Arrival;
  isTaken: boolean;
}

export class InnerAddresses {
  readonly #entries = new Map<string, Entry>();
  readonly #random: () => number;

  /** @param random uniform in [0, 1) */
  constructor(random: () => number) {
    this.#random = random;
  }

  /** An address to connect from, for one connection. */
  reserve(arrival: Arrival): string {
    for (;;) {
      const address = this.#draw();
      if (this.#entries.has(address)) continue;
      this.#entries.set(address, { arrival, isTaken: false });
      return address;
    }
  }

  /** True for the first connection from a reserved address. */
  take(address: string): boolean {
    const entry = this.#entries.get(address);
    if (entry === undefined || entry.isTaken) return false;
    entry.isTaken = true;
    return true;
  }

  arrivalOf(address: string): Arrival | undefined {
    return this.#entries.get(address)?.arrival;
  }

  release(address: string): void {
    this.#entries.delete(address);
  }

  /** 127.1.0.1 to 127.254.255.254: what people use themselves is in 127.0.0.0/16 mostly. */
  #draw(): string {
    const [a, b, c] = [this.#upTo(254), this.#upTo(256) - 1, this.#upTo(254)];
    return `127.${a}.${b}.${c}`;
  }

  #upTo(max: number): number {
    return 1 + Math.floor(this.#random() * max);
  }
}
