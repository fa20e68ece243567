/** The WebSocket class that a simulated client's SDK is given: the browser's interface over a link of the network. */
import type { WebSocketClass, WebSocketLike } from '@holdfast/client';
import type { LinkEnd } from '../link.js';
import type { Network } from '../network.js';
import type { SimProcess } from '../process.js';

type Handler = ((event: never) => void) | null;

class SimWebSocket implements WebSocketLike {
  protocol = '';
  binaryType = 'blob';
  onopen: Handler = null;
  onmessage: Handler = null;
  onerror: Handler = null;
  onclose: Handler = null;
  readonly #end: LinkEnd;

  constructor(end: LinkEnd) {
    this.#end = end;
    end.onOpen = (protocol) => {
      this.protocol = protocol;
      this.onopen?.({ type: 'open' } as never);
    };
    end.onMessage = (message) => {
      const data = typeof message === 'string' ? message : message.buffer;
      this.onmessage?.({ type: 'message', data } as never);
    };
    end.onClose = (code, reason) => this.onclose?.({ type: 'close', code, reason } as never);
  }

  get bufferedAmount(): number {
    return this.#end.bufferedBytes;
  }

  send(data: string | Uint8Array<ArrayBuffer>): void {
    this.#end.send(data);
  }

  close(code = 1005, reason = ''): void {
    this.#end.close(code, reason);
  }
}

/** URLs name workers: `ws://worker-1/path`. */
export function webSocketOf(network: Network, process: SimProcess): WebSocketClass {
  return function open(url: string, protocols: readonly string[] = []): SimWebSocket {
    const { hostname, pathname } = new URL(url);
    return new SimWebSocket(network.dial({ from: process, to: hostname, request: { path: pathname, protocols } }));
  } as unknown as WebSocketClass;
}
