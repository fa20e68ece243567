/**
 * A WebSocket class whose server is the test: it accepts, says and ends what the test tells it to, and remembers what the
 * client did. It behaves as browsers do where that matters: no close codes that scripts may not say, events never inside a
 * call, nothing sent while connecting.
 */
import type { WebSocketClass, WebSocketLike } from '../websocket-like.js';

type Handler = ((event: never) => void) | null;

export class FakeWebSocket implements WebSocketLike {
  readonly url: string;
  readonly protocols: readonly string[];
  readonly sent: (string | Uint8Array<ArrayBuffer>)[] = [];
  readonly openedAtMs: number = Date.now();
  protocol = '';
  bufferedAmount = 0;
  binaryType = 'blob';
  onopen: Handler = null;
  onmessage: Handler = null;
  onerror: Handler = null;
  onclose: Handler = null;
  state: 'connecting' | 'open' | 'closed' = 'connecting';
  /** What the client closed it with; its close event comes when the test says so. */
  closedWith: { readonly code: number | undefined; readonly reason: string | undefined } | undefined;

  constructor(url: string, protocols: string[] = []) {
    this.url = url;
    this.protocols = protocols;
  }

  send(data: string | Uint8Array<ArrayBuffer>): void {
    if (this.state === 'connecting') throw new Error('fake socket: expected no send before open, got one');
    if (this.state === 'open' && this.closedWith === undefined) this.sent.push(data);
  }

  close(code?: number, reason?: string): void {
    if (code !== undefined && code !== 1000 && !(code >= 3000 && code <= 4999)) {
      throw new Error(`fake socket: expected 1000 or 3000 to 4999, got ${code}`);
    }
    this.closedWith ??= { code, reason };
  }

  // The server's side.

  accept(protocol = 'holdfast.v1'): void {
    this.state = 'open';
    this.protocol = protocol;
    this.onopen?.({ type: 'open' } as never);
  }

  receive(data: unknown): void {
    this.onmessage?.({ type: 'message', data } as never);
  }

  /** `message`: what Node's classes say in the error event; browsers say nothing. */
  end(code = 1006, reason = '', message?: string): void {
    if (this.state === 'closed') return;
    this.state = 'closed';
    this.onerror?.({ type: 'error', message } as never);
    this.onclose?.({ type: 'close', code, reason } as never);
  }

  /** Text frames that were sent, of one kind, as what is behind it. */
  bodies(kind: string): readonly Record<string, unknown>[] {
    return this.texts.filter((text) => text.startsWith(kind)).map((text) => JSON.parse(text.slice(1)));
  }

  get texts(): readonly string[] {
    return this.sent.filter((frame) => typeof frame === 'string');
  }

  /** Text messages that were sent, without control frames and acks. */
  get messages(): readonly string[] {
    return this.texts.filter((text) => text.startsWith('m'));
  }
}

export class FakeNetwork {
  /** In the order in which the client made them. */
  readonly sockets: FakeWebSocket[] = [];
  readonly webSocket: WebSocketClass;

  constructor() {
    const { sockets } = this;
    this.webSocket = function open(url: string, protocols?: string[]): FakeWebSocket {
      const socket = new FakeWebSocket(url, protocols);
      sockets.push(socket);
      return socket;
    } as unknown as WebSocketClass;
  }

  /** The newest. */
  get socket(): FakeWebSocket {
    const socket = this.sockets.at(-1);
    if (socket === undefined) throw new Error('fake network: expected a socket, got none yet');
    return socket;
  }

  /** Sockets that the client has not given up. */
  get live(): readonly FakeWebSocket[] {
    return this.sockets.filter(({ state, closedWith }) => state !== 'closed' && closedWith === undefined);
  }
}
