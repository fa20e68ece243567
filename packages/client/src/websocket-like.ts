/**
 * What this package needs of a WebSocket class: the browser's, Node's own and `ws` all have it. Declared here and not taken
 * from the DOM's types, so that the package compiles for Node programs too. Handlers take `never`, which every
 * implementation's event type accepts.
 */

export interface WebSocketLike {
  readonly protocol: string;
  readonly bufferedAmount: number;
  binaryType: string;
  onopen: ((event: never) => void) | null;
  onmessage: ((event: never) => void) | null;
  onerror: ((event: never) => void) | null;
  onclose: ((event: never) => void) | null;
  send(data: string | Uint8Array<ArrayBuffer>): void;
  close(code?: number, reason?: string): void;
}

export type WebSocketClass = new (url: string, protocols?: string[]) => WebSocketLike;
