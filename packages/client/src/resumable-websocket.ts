/**
 * ResumableWebSocket: a session that passes for the browser's WebSocket, for libraries that take a WebSocket class. It stays OPEN
 * while the session is suspended, and closes when the session is over, or when something of it is lost: the library above
 * can then only begin anew, as after any broken connection. Not a subclass of WebSocket: that would open a socket.
 */
import { ABNORMAL_CLOSURE, NO_STATUS_RECEIVED } from '@holdfast/protocol';
import { socketUrl } from './check-url.js';
import { Emitter, type Listener, type ListenerOptions } from './emitter.js';
import type { BinaryType, SessionOptions } from './options.js';
import { copyPayload, type Payload, sizeOf } from './payload.js';
import { connect } from './connect.js';
import type { Session } from './session.js';

export interface SocketEvents {
  open: { readonly type: 'open'; readonly target: ResumableWebSocket };
  message: {
    readonly type: 'message';
    readonly target: ResumableWebSocket;
    readonly data: string | ArrayBuffer | Blob;
    readonly origin: string;
  };
  error: { readonly type: 'error'; readonly target: ResumableWebSocket; readonly message: string };
  close: {
    readonly type: 'close';
    readonly target: ResumableWebSocket;
    readonly code: number;
    readonly reason: string;
    readonly wasClean: boolean;
  };
}

type Handler<K extends keyof SocketEvents> = ((event: SocketEvents[K]) => void) | null;
/** What a handler reads as: anything that a typed handler may be compared with. */
type AnyHandler = ((event: unknown) => void) | null;

export type ResumableWebSocketOptions = Omit<SessionOptions, 'protocols' | 'binaryType'>;

export interface ResumableWebSocketClass {
  readonly CONNECTING: 0;
  readonly OPEN: 1;
  readonly CLOSING: 2;
  readonly CLOSED: 3;
  readonly prototype: ResumableWebSocket;
  new (url: string | URL, protocols?: string | string[]): ResumableWebSocket;
}

const STATES = { CONNECTING: 0, OPEN: 1, CLOSING: 2, CLOSED: 3 } as const;
/** Kept beyond the session's own queue, since `send` of a WebSocket cannot say no. Full, the socket fails, as a browser's does. */
const MAX_BACKLOG_BYTES: number = 16 * 1024 * 1024;

export class ResumableWebSocket {
  static readonly CONNECTING = 0 as const;
  static readonly OPEN = 1 as const;
  static readonly CLOSING = 2 as const;
  static readonly CLOSED = 3 as const;
  readonly CONNECTING = 0 as const;
  readonly OPEN = 1 as const;
  readonly CLOSING = 2 as const;
  readonly CLOSED = 3 as const;

  readonly url: string;
  readonly extensions: string = '';
  readonly #session: Session;
  readonly #emitter = new Emitter<SocketEvents>(this);
  readonly #handlers = new Map<keyof SocketEvents, AnyHandler>();
  readonly #wanted: readonly string[];
  #readyState: 0 | 1 | 2 | 3 = STATES.CONNECTING;
  #binaryType: BinaryType = 'blob';
  /** What the session's queue has no room for yet, and Blobs that are being read with what was sent after them. */
  #backlog: (Payload | Blob)[] = [];
  #backlogBytes = 0;
  /** How the close event is to look, when not as the session's. */
  #verdict: { readonly code: number; readonly wasClean: boolean } | undefined;

  /** The same class, with options that the library does not know of. */
  static with(options: ResumableWebSocketOptions): ResumableWebSocketClass {
    function Bound(url: string | URL, protocols?: string | string[]): ResumableWebSocket {
      return new ResumableWebSocket(url, protocols, options);
    }
    // For instanceof.
    Bound.prototype = ResumableWebSocket.prototype;
    return Object.assign(Bound, STATES) as unknown as ResumableWebSocketClass;
  }

  constructor(url: string | URL, protocols: string | string[] = [], options: ResumableWebSocketOptions = {}) {
    this.url = socketUrl(String(url));
    this.#wanted = [protocols].flat();
    this.#session = connect(this.url, { ...options, protocols: this.#wanted });
    this.#follow(this.#session);
  }

  get readyState(): 0 | 1 | 2 | 3 {
    return this.#readyState;
  }

  /** The first that was asked for: the backend reads the choice from the handshake's headers, and is held to it. */
  get protocol(): string {
    return this.#readyState === STATES.CONNECTING ? '' : (this.#wanted[0] ?? '');
  }

  get bufferedAmount(): number {
    return this.#session.bufferedAmount + this.#backlogBytes;
  }

  get binaryType(): BinaryType {
    return this.#binaryType;
  }

  set binaryType(value: BinaryType) {
    this.#session.binaryType = value;
    this.#binaryType = this.#session.binaryType;
  }

  get onopen(): AnyHandler {
    return this.#handler('open');
  }

  set onopen(handler: Handler<'open'>) {
    this.#handle('open', handler);
  }

  get onmessage(): AnyHandler {
    return this.#handler('message');
  }

  set onmessage(handler: Handler<'message'>) {
    this.#handle('message', handler);
  }

  get onerror(): AnyHandler {
    return this.#handler('error');
  }

  set onerror(handler: Handler<'error'>) {
    this.#handle('error', handler);
  }

  get onclose(): AnyHandler {
    return this.#handler('close');
  }

  set onclose(handler: Handler<'close'>) {
    this.#handle('close', handler);
  }

  addEventListener<K extends keyof SocketEvents>(
    type: K,
    listener: Listener<SocketEvents[K]> | null,
    options?: ListenerOptions | boolean,
  ): void {
    this.#emitter.add(type, listener, options);
  }

  removeEventListener<K extends keyof SocketEvents>(type: K, listener: Listener<SocketEvents[K]> | null): void {
    this.#emitter.remove(type, listener);
  }

  dispatchEvent(event: { readonly type: string }): boolean {
    this.#emitter.emit(event as never);
    return true;
  }

  send(data: string | ArrayBuffer | ArrayBufferView | Blob): void {
    if (this.#readyState >= STATES.CLOSING) return;
    const isBlob = data instanceof Blob;
    if (!isBlob && this.#backlog.length === 0 && this.#session.send(data)) return;
    const entry = isBlob ? data : copyPayload(data);
    this.#backlog.push(entry);
    this.#backlogBytes += bytesOf(entry);
    if (this.#backlogBytes > MAX_BACKLOG_BYTES) this.#fail('too much is waiting to be sent');
    else if (isBlob) void this.#read(data);
  }

  close(code?: number, reason = ''): void {
    if (this.#readyState >= STATES.CLOSING) return;
    this.#session.close(code, reason);
    // As a browser reports a close without a code.
    if (code === undefined) this.#verdict = { code: NO_STATUS_RECEIVED, wasClean: true };
  }

  #follow(session: Session): void {
    const { origin } = new URL(this.url);
    session.binaryType = this.#binaryType;
    session.addEventListener('statechange', ({ state }) => state === 'open' && this.#onOpen());
    session.addEventListener('message', ({ data }) => {
      this.#emitter.emit({ type: 'message', target: this, data, origin });
    });
    session.addEventListener('writable', () => this.#flush());
    session.addEventListener('reset', () => this.#fail('the session was lost'));
    session.addEventListener('resumed', ({ lost }) => lost && this.#fail('messages of the session were lost'));
    session.addEventListener('rehomed', ({ lost }) => lost && this.#fail('messages of the session were lost'));
    session.addEventListener('close', ({ code, reason }) => this.#onClosed(code, reason));
  }

  #onOpen(): void {
    if (this.#readyState !== STATES.CONNECTING) return;
    this.#readyState = STATES.OPEN;
    this.#emitter.emit({ type: 'open', target: this });
  }

  #flush(): void {
    while (this.#backlog.length > 0) {
      const next = this.#backlog[0] as Payload | Blob;
      if (next instanceof Blob || !this.#session.send(next)) return;
      this.#backlog.shift();
      this.#backlogBytes -= bytesOf(next);
    }
  }

  async #read(blob: Blob): Promise<void> {
    try {
      const bytes = new Uint8Array(await blob.arrayBuffer());
      const at = this.#backlog.indexOf(blob);
      if (at >= 0) this.#backlog[at] = bytes;
      this.#flush();
    } catch {
      this.#fail('a Blob could not be read');
    }
  }

  #fail(reason: string): void {
    if (this.#readyState >= STATES.CLOSING) return;
    this.#verdict = { code: ABNORMAL_CLOSURE, wasClean: false };
    this.#session.close(1000, reason);
  }

  #onClosed(code: number, reason: string): void {
    this.#readyState = STATES.CLOSING;
    this.#backlog = [];
    this.#backlogBytes = 0;
    // Never inside close(): libraries set themselves up after calling it.
    queueMicrotask(() => {
      const { code: told, wasClean } = this.#verdict ?? { code, wasClean: true };
      this.#readyState = STATES.CLOSED;
      if (!wasClean) this.#emitter.emit({ type: 'error', target: this, message: reason });
      this.#emitter.emit({ type: 'close', target: this, code: told, reason, wasClean });
    });
  }

  #handler(type: keyof SocketEvents): AnyHandler {
    return this.#handlers.get(type) ?? null;
  }

  #handle<K extends keyof SocketEvents>(type: K, handler: Handler<K>): void {
    this.#emitter.remove(type, this.#handler(type));
    const isHandler = typeof handler === 'function';
    this.#handlers.set(type, isHandler ? (handler as AnyHandler) : null);
    if (isHandler) this.#emitter.add(type, handler);
  }
}

function bytesOf(data: Payload | Blob): number {
  return data instanceof Blob ? data.size : sizeOf(data);
}
