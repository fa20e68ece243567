/** A session on a fake network and fake timers, with every event that it gave, and shorthands for what a server says. */
import { encodeWelcome, type Welcome } from '@holdfast/protocol';
import { vi } from 'vitest';
import type { SessionUrl } from '../addresses.js';
import { connect, type Session } from '../session.js';
import type { SessionEvents } from '../session-events.js';
import type { SessionOptions } from '../options.js';
import { FakeNetwork, type FakeWebSocket } from './fake-websocket.js';

export const WELCOME: Welcome = {
  session: 'AAAAAAAAAAAAAAAAAAAAAA',
  token: 'token-1',
  generation: 1,
  resumed: false,
  handled: 0,
  received: 0,
  windowMs: 120_000,
  heartbeatMs: 25_000,
  pacingMs: 0,
  limits: { messageBytes: 1_048_576, queueMessages: 1000, queueBytes: 1_048_576 },
  lost: undefined,
};

type AnyEvent = SessionEvents[keyof SessionEvents];
export const EVENT_TYPES = [
  'message',
  'statechange',
  'resumed',
  'reset',
  'rehomed',
  'joined',
  'left',
  'backpressure',
  'writable',
  'error',
  'close',
] as const satisfies readonly (keyof SessionEvents)[];

export class Stage {
  readonly network: FakeNetwork = new FakeNetwork();
  readonly events: AnyEvent[] = [];
  readonly session: Session;

  constructor(options: SessionOptions = {}, url: SessionUrl = 'ws://lb.example/chat') {
    this.session = connect(url, { webSocket: this.network.webSocket, random: () => 0.5, ...options });
    for (const type of EVENT_TYPES) this.session.addEventListener(type, (event: AnyEvent) => this.events.push(event));
  }

  get socket(): FakeWebSocket {
    return this.network.socket;
  }

  of<K extends keyof SessionEvents>(type: K): readonly SessionEvents[K][] {
    return this.events.filter((event) => event.type === type) as SessionEvents[K][];
  }

  get data(): readonly unknown[] {
    return this.of('message').map(({ data }) => data);
  }

  get states(): readonly string[] {
    return this.of('statechange').map(({ state }) => state);
  }

  /** The newest socket is accepted and welcomed. */
  async welcome(fields: Partial<Welcome> = {}): Promise<FakeWebSocket> {
    await settled();
    const { socket } = this;
    socket.accept();
    socket.receive(encodeWelcome({ ...WELCOME, ...fields }));
    await settled();
    return socket;
  }

  /** Until the client has made socket number `count`, from 1. */
  async dialled(count: number): Promise<FakeWebSocket> {
    for (let waitedMs = 0; this.network.sockets.length < count && waitedMs < 200_000; waitedMs += 50) {
      await vi.advanceTimersByTimeAsync(50);
    }
    if (this.network.sockets.length < count) throw new Error(`stage: expected ${count} sockets within 200 s`);
    return this.network.sockets[count - 1] as FakeWebSocket;
  }

  /** The current socket dies; the client comes back and is welcomed there. */
  async resumed(fields: Partial<Welcome> = {}): Promise<FakeWebSocket> {
    const { length } = this.network.sockets;
    this.socket.end();
    await this.dialled(length + 1);
    return this.welcome({ resumed: true, generation: 2, token: 'token-2', ...fields });
  }
}

/** Promises that are under way have gone as far as they can without time passing. */
export async function settled(): Promise<void> {
  await vi.advanceTimersByTimeAsync(0);
}
