/** Many Socket.IO clients as a browser makes them: every option at its default unless a test says otherwise. */
import { io, type Manager, type Socket } from 'socket.io-client';
import { eventually } from './eventually.js';

const PATIENCE = { withinMs: 60_000, everyMs: 50 };

export class Crowd implements AsyncDisposable {
  readonly sockets: readonly Socket[];
  /** Every error of a connection; a crowd that works has none. */
  readonly errors: string[] = [];
  readonly #connects = new Map<Socket, number>();

  constructor(url: string, count: number, options: object = {}) {
    // forceNew: clients of one URL would share a connection otherwise.
    this.sockets = Array.from({ length: count }, () => io(url, { forceNew: true, ...options }));
    for (const socket of this.sockets) {
      socket.on('connect_error', (error) => this.errors.push(error.message));
      socket.on('connect', () => this.#connects.set(socket, this.#connectsOf(socket) + 1));
    }
  }

  connected(): Promise<void> {
    return this.#all('connected', (socket) => socket.connected);
  }

  /** Every client has left polling for a WebSocket. */
  upgraded(): Promise<void> {
    return this.#all('upgraded', (socket) => engineOf(socket)?.transport.name === 'websocket');
  }

  /** Every client has connected a second time: one that never noticed a cut does not pass. */
  reconnected(): Promise<void> {
    return this.#all('reconnected', (socket) => socket.connected && this.#connectsOf(socket) > 1);
  }

  /** Every client's answer; rejects when one does not come. */
  async ask(text: string): Promise<readonly string[]> {
    const ask = async (socket: Socket): Promise<string> =>
      (await socket.timeout(30_000).emitWithAck('echo', text)) as string;
    return Promise.all(this.sockets.map(ask));
  }

  /** Ends the transport below each client, as a lost network does: clients come back by themselves. */
  cutAll(): void {
    for (const socket of this.sockets) engineOf(socket)?.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.sockets) socket.disconnect();
    return Promise.resolve();
  }

  #all(what: string, isDone: (socket: Socket) => boolean): Promise<void> {
    return eventually(() => {
      const missing = this.sockets.filter((socket) => !isDone(socket)).length;
      if (missing === 0) return;
      const errors = this.errors.slice(-5).join('; ');
      throw new Error(`crowd: expected all ${this.sockets.length} ${what}, ${missing} are not; last errors: ${errors}`);
    }, PATIENCE);
  }

  #connectsOf(socket: Socket): number {
    return this.#connects.get(socket) ?? 0;
  }
}

function engineOf(socket: Socket): Manager['engine'] | undefined {
  return socket.io.engine;
}
