/** A session behind the face of a WebSocket: what libraries rely on, also by way of one of them. */
import { encodeRehomed, encodeWelcome, type Welcome } from '@holdfast/protocol';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type ResumableWebSocketOptions, ResumableWebSocket } from './resumable-websocket.js';
import { FakeNetwork, type FakeWebSocket } from './testing/fake-websocket.js';
import { settled, WELCOME } from './testing/stage.js';

class Stage {
  readonly network: FakeNetwork = new FakeNetwork();
  readonly events: Record<string, unknown>[] = [];
  readonly socket: ResumableWebSocket;

  constructor(protocols?: string | string[], options: ResumableWebSocketOptions = {}) {
    const Bound = ResumableWebSocket.with({ webSocket: this.network.webSocket, random: () => 0.5, ...options });
    this.socket = new Bound('ws://lb.example/app', protocols);
    for (const type of ['open', 'message', 'error', 'close'] as const) {
      this.socket.addEventListener(type, (event: object) => this.events.push({ ...event, target: undefined }));
    }
  }

  get types(): readonly unknown[] {
    return this.events.map(({ type }) => type);
  }

  async welcome(fields: Partial<Welcome> = {}): Promise<FakeWebSocket> {
    await settled();
    const { socket } = this.network;
    socket.accept();
    socket.receive(encodeWelcome({ ...WELCOME, ...fields }));
    await settled();
    return socket;
  }

  async again(fields: Partial<Welcome>): Promise<FakeWebSocket> {
    this.network.socket.end();
    await vi.advanceTimersByTimeAsync(1000);
    return this.welcome(fields);
  }
}

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe('ResumableWebSocket', () => {
  it('opens, talks and closes like a WebSocket', async () => {
    const stage = new Stage();
    const { socket } = stage;
    expect([socket.readyState, socket.url, socket.protocol, socket.extensions]).toEqual([
      0,
      'ws://lb.example/app',
      '',
      '',
    ]);
    const server = await stage.welcome();
    expect(socket.readyState).toBe(ResumableWebSocket.OPEN);
    socket.send('hello');
    expect(server.messages).toEqual(['m1.0:hello']);
    server.receive('m1.1:hi');
    socket.close(4100, 'bye');
    expect(socket.readyState).toBe(ResumableWebSocket.CLOSING);
    expect(stage.types).toEqual(['open', 'message']);
    await settled();
    expect(socket.readyState).toBe(ResumableWebSocket.CLOSED);
    expect(stage.events.slice(1)).toEqual([
      { type: 'message', data: 'hi', origin: 'ws://lb.example' },
      { type: 'close', code: 4100, reason: 'bye', wasClean: true },
    ]);
    expect(server.texts.at(-1)).toBe('c{"code":4100,"reason":"bye"}');
    socket.send('ignored');
    socket.close();
    await settled();
    expect(stage.types).toEqual(['open', 'message', 'close']);
  });

  it('has the constants of a WebSocket, on the class, a bound class and each instance', () => {
    const { socket } = new Stage();
    for (const holder of [ResumableWebSocket, ResumableWebSocket.with({}), socket]) {
      const { CONNECTING, OPEN, CLOSING, CLOSED } = holder;
      expect([CONNECTING, OPEN, CLOSING, CLOSED]).toEqual([0, 1, 2, 3]);
    }
    expect(socket).toBeInstanceOf(ResumableWebSocket);
    expect(socket).toBeInstanceOf(ResumableWebSocket.with({}));
  });

  it('stays open, and keeps what is sent, while the session is suspended', async () => {
    const stage = new Stage();
    await stage.welcome();
    stage.network.socket.end();
    expect(stage.socket.readyState).toBe(1);
    stage.socket.send('meanwhile');
    expect(stage.socket.bufferedAmount).toBe(9);
    const server = await stage.again({ resumed: true });
    expect(server.messages).toEqual(['m1.0:meanwhile']);
    expect(stage.types).toEqual(['open']);
  });

  it.each<Partial<Welcome>>([
    { resumed: false, token: 'other' },
    { resumed: true, lost: { from: 1, to: 2 } },
  ])('fails when something of the session is lost: %j', async (fields) => {
    const stage = new Stage();
    await stage.welcome();
    const server = await stage.again(fields);
    expect(stage.events.slice(1)).toMatchObject([{ type: 'error' }, { type: 'close', code: 1006, wasClean: false }]);
    expect(server.bodies('c')).toHaveLength(1);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('fails when another backend lacks messages, and not otherwise', async () => {
    const stage = new Stage();
    const server = await stage.welcome();
    const rehomed = { cause: 'failover', generation: 2, token: 't', handled: 0, received: 0 } as const;
    server.receive(encodeRehomed({ ...rehomed, lost: undefined }));
    await settled();
    expect(stage.types).toEqual(['open']);
    server.receive(encodeRehomed({ ...rehomed, lost: { from: 1, to: null } }));
    await settled();
    expect(stage.types).toEqual(['open', 'error', 'close']);
  });

  it('passes on the close of the application and of the server', async () => {
    const stage = new Stage();
    (await stage.welcome()).receive('c{"code":4403,"reason":"go"}');
    await settled();
    expect(stage.events.at(-1)).toMatchObject({ type: 'close', code: 4403, reason: 'go', wasClean: true });
  });

  it('says 1005 for a close without a code, as browsers do', async () => {
    const stage = new Stage();
    await stage.welcome();
    stage.socket.close();
    await settled();
    expect(stage.events.at(-1)).toMatchObject({ type: 'close', code: 1005, wasClean: true });
  });

  it('throws for codes that scripts may not send, and stays open', async () => {
    const stage = new Stage();
    await stage.welcome();
    expect(() => stage.socket.close(1001)).toThrow(expect.objectContaining({ code: 'CLIENT_BAD_CLOSE' }));
    expect(stage.socket.readyState).toBe(1);
    stage.socket.close();
    await settled();
    expect(stage.events.at(-1)).toMatchObject({ code: 1005 });
  });

  it('offers the protocols of the library, and names the first as chosen', async () => {
    const stage = new Stage(['graphql-transport-ws', 'other']);
    expect((await stage.welcome()).protocols).toEqual(['holdfast.v1', 'graphql-transport-ws', 'other']);
    expect(stage.socket.protocol).toBe('graphql-transport-ws');
    const single = new Stage('mqtt');
    expect((await single.welcome()).protocols).toEqual(['holdfast.v1', 'mqtt']);
  });

  it('calls handlers that are set, and only the newest', async () => {
    const stage = new Stage();
    const [first, second] = [vi.fn(), vi.fn()];
    stage.socket.onmessage = first;
    stage.socket.onmessage = second;
    stage.socket.onopen = function onopen(this: unknown) {
      expect(this).toBe(stage.socket);
    };
    const server = await stage.welcome();
    server.receive('m1.0:a');
    expect(stage.socket.onmessage).toBe(second);
    stage.socket.onmessage = null;
    server.receive('m2.0:b');
    expect(first).not.toHaveBeenCalled();
    expect(second.mock.calls).toMatchObject([[{ data: 'a', target: stage.socket }]]);
    expect(stage.socket.onmessage).toBeNull();
  });

  it('gives Blobs unless it is asked for ArrayBuffers', async () => {
    const stage = new Stage();
    const server = await stage.welcome();
    server.receive(Uint8Array.of(1, 1, 0, 7).buffer);
    stage.socket.binaryType = 'arraybuffer';
    server.receive(Uint8Array.of(1, 2, 0, 8).buffer);
    const [blob, buffer] = stage.events.slice(1).map(({ data }) => data);
    expect(blob).toBeInstanceOf(Blob);
    expect(new Uint8Array(buffer as ArrayBuffer)).toEqual(Uint8Array.of(8));
  });

  it('takes more than the queue of a session holds, in order', async () => {
    const stage = new Stage(undefined, { queue: { messages: 2 } });
    const server = await stage.welcome();
    for (const text of ['a', 'b', 'c', 'd']) stage.socket.send(text);
    expect(server.messages).toEqual(['m1.0:a', 'm2.0:b']);
    expect(stage.socket.bufferedAmount).toBe(2);
    server.receive('a1');
    stage.socket.send('e');
    server.receive('a3');
    server.receive('a4');
    expect(server.messages.map((text) => text.split(':')[1])).toEqual(['a', 'b', 'c', 'd', 'e']);
    expect(stage.socket.bufferedAmount).toBe(0);
  });

  it('sends Blobs in their turn', async () => {
    const stage = new Stage();
    const server = await stage.welcome();
    const blob = new Blob([Uint8Array.of(7)]);
    for (const data of ['a', blob, 'b', blob]) stage.socket.send(data);
    expect(stage.socket.bufferedAmount).toBe(3);
    await vi.waitFor(() => expect(server.sent).toHaveLength(5));
    expect(server.sent.slice(1)).toEqual(['m1.0:a', Uint8Array.of(1, 2, 0, 7), 'm3.0:b', Uint8Array.of(1, 4, 0, 7)]);
    expect(stage.socket.bufferedAmount).toBe(0);
  });

  it('fails when a Blob cannot be read', async () => {
    const stage = new Stage();
    await stage.welcome();
    const blob = Object.assign(new Blob(['x']), { arrayBuffer: () => Promise.reject(new Error('gone')) });
    stage.socket.send(blob);
    await settled();
    expect(stage.types).toEqual(['open', 'error', 'close']);
  });

  it('fails when too much waits', async () => {
    const stage = new Stage(undefined, { queue: { messages: 1 } });
    await stage.welcome({ limits: { ...WELCOME.limits, messageBytes: 2 ** 24 } });
    const large = 'x'.repeat(2 ** 22);
    for (let i = 0; i < 6; i += 1) stage.socket.send(large);
    await settled();
    expect(stage.events.slice(1)).toMatchObject([{ type: 'error' }, { type: 'close', code: 1006 }]);
  });
});
