/** Trunks of a run: what worker and backend are given in place of sockets, over a link of the network. */
import type { LinkEnd } from '../link.js';
import type { Network } from '../network.js';
import type { SimProcess } from '../process.js';

/** Fits both the worker's and the backend's interface of that name. */
export class SimTrunkTransport {
  onMessage: ((batch: Uint8Array) => void) | undefined;
  onClose: ((code: number, reason: string) => void) | undefined;
  onWritable: (() => void) | undefined;
  /** For whoever looks on. */
  onSend: ((batch: Uint8Array) => void) | undefined;
  readonly #end: LinkEnd;

  constructor(end: LinkEnd) {
    this.#end = end;
    end.onMessage = (message) => this.onMessage?.(message as Uint8Array);
    end.onClose = (code, reason) => this.onClose?.(code, reason);
    end.onWritable = () => this.onWritable?.();
  }

  get bufferedBytes(): number {
    return this.#end.bufferedBytes;
  }

  send(batch: Uint8Array): void {
    this.onSend?.(batch);
    this.#end.send(batch as Uint8Array<ArrayBuffer>);
  }

  close(code: number, reason: string): void {
    this.#end.close(code, reason);
  }

  terminate(): void {
    this.#end.close(1006, '');
  }
}

/** Where to, as far as a simulated network cares. */
interface Target {
  readonly url: string;
  readonly connectTimeoutMs: number;
}

/** URLs name backends: `ws://backend-1/path`. */
export function dialTrunkOf(network: Network, process: SimProcess): (target: Target) => SimTrunkTransport {
  return ({ url, connectTimeoutMs }) => {
    const end = network.dial({ from: process, to: new URL(url).hostname, request: {} });
    const transport = new SimTrunkTransport(end);
    const timer = setTimeout(() => {
      end.close(1006, '');
      transport.onClose?.(1006, 'connecting took too long');
    }, connectTimeoutMs);
    end.onOpen = () => clearTimeout(timer);
    end.onClose = (code, reason) => {
      clearTimeout(timer);
      transport.onClose?.(code, reason);
    };
    return transport;
  };
}
