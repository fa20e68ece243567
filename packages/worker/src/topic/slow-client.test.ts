/** Topics over real sockets: what a client that does not read costs itself, and nobody else. */
import { once } from 'node:events';
import { decodeTopicText, readLagging, readSubscribed } from '@holdfast/protocol';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { WebSocket } from 'ws';
import type { DownstreamSocket } from '../listener/downstream-socket.js';
import { Listener } from '../listener/listener.js';
import type { UpgradeExchange } from '../listener/upgrade-exchange.js';
import type { SessionTopics } from './session-topics.js';
import { SlowSubscribers } from './slow-subscribers.js';
import { FakeTopicServer } from './testing/fake-topic-server.js';
import type { BackendAnswer, TopicSession } from './session-topics.js';
import { TopicRules } from './topic-rules.js';
import { TopicStats } from './topic-stats.js';
import { Topics } from './topics.js';

const TOPIC = 'news';
const MESSAGE = 'x'.repeat(4096);
const BUFFER_BYTES = 256 * 1024;
const RETENTION = { messages: 10_000, ageMs: 60_000 };

/** A session that is nothing but its connection. */
class SocketSession implements TopicSession {
  readonly id: string;
  readonly isPlain: boolean;
  readonly resumeWindowMs = 0;
  readonly identity = { principal: undefined, claims: undefined };
  topics: SessionTopics | undefined;
  isOver = false;
  socket: DownstreamSocket | undefined;
  isEndedSlow = false;
  readonly bufferBytes = BUFFER_BYTES;

  constructor(id: string, isPlain: boolean) {
    this.id = id;
    this.isPlain = isPlain;
  }

  get bufferedBytes(): number {
    return this.socket?.bufferedBytes ?? 0;
  }

  askBackend(): Promise<BackendAnswer> {
    return Promise.resolve({ ok: false, error: 'lost', retryable: true });
  }

  send(frame: string): void {
    this.socket?.send(frame, false);
  }

  sendTopicFrame(frame: Uint8Array, isBinary: boolean): void {
    this.socket?.send(frame, isBinary);
  }

  cork(writes: () => void): void {
    this.socket?.cork(writes);
  }

  listen(channel: string): void {
    this.socket?.listen(channel);
  }

  unlisten(channel: string): void {
    this.socket?.unlisten(channel);
  }

  close(code: number, reason: string): void {
    this.socket?.end(code, reason);
  }

  endSlow(): void {
    this.isEndedSlow = true;
    this.socket?.terminate();
  }
}

let listener: Listener;
let port: number;
let server: FakeTopicServer;
let stats: TopicStats;
let topics: Topics;
let slow: SlowSubscribers;
let accepted: ((session: SocketSession) => void) | undefined;
const clients: WebSocket[] = [];

beforeEach(async () => {
  listener = new Listener(
    { host: '127.0.0.1', port: 0, tls: undefined, proxyProtocol: undefined },
    {
      onRequest: () => undefined,
      onBadUpgrade: () => undefined,
      onSpoofed: () => undefined,
      onHeaderRefused: () => undefined,
      onUpgrade: accept,
    },
  );
  listener.setBounds({ maxMessageBytes: 1024, maxBufferedBytes: BUFFER_BYTES + 1024 * 1024, idleTimeoutSeconds: 0 });
  port = await listener.listen();
  server = new FakeTopicServer({ delayMs: () => 1 });
  stats = new TopicStats(() => undefined);
  slow = new SlowSubscribers(stats);
  topics = new Topics({
    store: server,
    bus: server.bus,
    broadcast: listener,
    rules: new TopicRules([
      { match: '*', history: RETENTION, presence: false, publishesPerSecond: 0, messageBytes: 8192 },
    ]),
    stats,
    slow,
    members: {
      join: () => undefined,
      leave: () => undefined,
      joinAgain: () => undefined,
      onEvent: () => undefined,
      count: () => Promise.resolve(0),
    },
  });
});
afterEach(() => {
  for (const client of clients.splice(0)) client.terminate();
  topics.close();
  slow.close();
  listener.close();
});

function accept(exchange: UpgradeExchange): void {
  const session = new SocketSession('s', exchange.request.path === '/plain');
  session.socket = exchange.accept({
    protocol: undefined,
    headers: [],
    compress: false,
    handler: {
      onMessage: (data) => ask(session, JSON.parse(Buffer.from(data).toString()) as Ask),
      onWritable: () => slow.onWritable(session, session.socket?.bufferedBytes ?? 0),
      onPing: () => undefined,
      onPong: () => undefined,
      onDropped: () => slow.onDropped(session),
      onClose: () => {
        session.isOver = true;
        slow.onEnded(session);
        topics.release(session, false);
      },
    },
  });
  accepted?.(session);
}

type Ask = { readonly epoch: string; readonly offset: number } | null;

function ask(session: SocketSession, since: Ask): void {
  const by = session.isPlain ? 'backend' : 'client';
  topics.subscribe(session, { topic: TOPIC, since: since ?? undefined, presence: false, info: undefined, by });
}

interface Reader {
  readonly socket: WebSocket;
  readonly session: SocketSession;
  /** Of the messages, in order of arrival. */
  readonly offsets: number[];
  readonly told: string[];
}

async function connect(path = '/'): Promise<Reader> {
  const coming = new Promise<SocketSession>((resolve) => {
    accepted = resolve;
  });
  const socket = new WebSocket(`ws://127.0.0.1:${port}${path}`);
  clients.push(socket);
  const session = await coming;
  const reader = { socket, session, offsets: [], told: [] };
  if (!session.isPlain) socket.on('message', (data) => read(reader, (data as Buffer).toString()));
  await once(socket, 'open');
  return reader;
}

/** As a client does: what it is told it lags behind, it asks for again. */
function read({ socket, offsets, told }: Reader, text: string): void {
  if (text.startsWith('d')) {
    offsets.push(decodeTopicText(text).offset);
    return;
  }
  const body = JSON.parse(text.slice(1)) as Record<string, unknown>;
  if (text.startsWith('l')) {
    told.push(`behind ${readLagging(body).join()}`);
    socket.send(JSON.stringify({ epoch: server.stored(TOPIC).epoch, offset: offsets.at(-1) ?? 0 }));
    return;
  }
  const subscribed = readSubscribed(body);
  told.push(
    'error' in subscribed ? subscribed.error : `${subscribed.recovered ? 'recovered' : 'from'} ${subscribed.offset}`,
  );
}

async function subscribed(path?: string): Promise<Reader> {
  const reader = await connect(path);
  if (reader.session.isPlain) ask(reader.session, null);
  else reader.socket.send('null');
  await vi.waitFor(() => expect(reader.session.topics?.memberships[0]?.isListening).toBe(true));
  return reader;
}

async function publish(count: number): Promise<void> {
  const data = Buffer.from(MESSAGE);
  for (let i = 0; i < count; i += 1)
    await server.publish({ topic: TOPIC, isBinary: false, data, retention: RETENTION });
}

/** Until the kernel and the worker hold as much for it as they are ready to. */
async function publishUntilDropped(): Promise<number> {
  let published = 0;
  for (; stats.dropped === 0; published += 20) await publish(20);
  return published;
}

describe('a client that does not read', () => {
  it('delays nobody, is told when it reads again, and misses nothing that can be given', async () => {
    const [reader, sleeper] = [await subscribed(), await subscribed()];
    sleeper.socket.pause();
    let published = await publishUntilDropped();
    await publish(50);
    published += 50;
    await vi.waitFor(() => expect(reader.offsets).toHaveLength(published));
    const all = Array.from({ length: published }, (_, i) => i + 1);
    expect(reader.offsets).toEqual(all);
    expect(sleeper.session.socket?.bufferedBytes).toBeLessThan(BUFFER_BYTES + MESSAGE.length);
    sleeper.socket.resume();
    await vi.waitFor(() => expect(sleeper.offsets.at(-1)).toBe(published), { timeout: 5000 });
    expect(sleeper.offsets).toEqual(all);
    expect(sleeper.told.slice(1)).toEqual([`behind ${TOPIC}`, expect.stringMatching(/^recovered /)]);
  });

  it('loses its connection with 1013 when it is a plain one', async () => {
    const plain = await subscribed('/plain');
    const closed = once(plain.socket, 'close');
    plain.socket.pause();
    await publishUntilDropped();
    plain.socket.resume();
    const [code] = (await closed) as [number];
    expect(code).toBe(1013);
  });
});
