/**
 * SentinelWatch: hears from the sentinels when the master is another one. A link that waits for its connection to break
 * does not: after a failover by hand, or one behind a broken network, the old master goes on serving for ten seconds or
 * more, and whoever still writes to it is fenced off by nobody and loses what was written.
 * ioredis has a detector for this too. It was rejected for printing each error of a sentinel to the console, and for
 * giving the connection up when any master that these sentinels know is replaced.
 */
import { Redis } from 'ioredis';
import type { SentinelAddress } from './address.js';
import { sentinelClientOptions } from './client-options.js';

const CHANNEL = '+switch-master';

export interface SentinelWatchOptions {
  readonly address: SentinelAddress;
  readonly commandTimeoutMs: number;
  readonly random: () => number;
  /** Each sentinel tells of the same change on its own: called for each. */
  readonly onSwitched: () => void;
}

export class SentinelWatch {
  readonly #clients: readonly Redis[];

  constructor({ address, onSwitched, ...needs }: SentinelWatchOptions) {
    // The message is `<master> <old host> <old port> <new host> <new port>`.
    const start = `${address.masterName} `;
    this.#clients = address.sentinels.map((sentinel) => {
      const client = new Redis({ ...sentinelClientOptions(address, needs), ...sentinel });
      // A sentinel that is gone is dialled again, and the link tells when it needs one and finds none.
      client.on('error', () => undefined);
      client.on('ready', () => void client.subscribe(CHANNEL).catch(() => undefined));
      client.on('message', (_channel, message) => void (message.startsWith(start) && onSwitched()));
      return client;
    });
  }

  close(): void {
    for (const client of this.#clients) client.disconnect();
  }
}
