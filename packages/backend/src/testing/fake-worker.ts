/**
 * A worker for tests: the other end of a trunk over memory, which opens sessions and plays their clients. It says what it
 * is told to say and keeps what it hears; it decides nothing. Batches are handed over at once, in both directions.
 */
import { createHmac } from 'node:crypto';
import {
  BatchWriter,
  type ClientCounters,
  type DataHeader,
  decodeCloseFrame,
  decodeJson,
  decodeWithTail,
  encodeCloseFrame,
  encodeJson,
  encodeWithTail,
  type Open,
  ProtocolError,
  readBatch,
  readDataHeader,
  readDrain,
  readHandoff,
  readLoad,
  readOpened,
  readReady,
  readRequest,
  type TailEntry,
  TrunkKind,
  encodeText,
  encodeAck,
  encodeBinary,
} from '@holdfast/protocol';
import type { TrunkTransport } from '../transport.js';

type Json = Readonly<Record<string, unknown>>;

/** What came on a stream, in order. `n`, `ack`: of data and ack frames. */
export interface Heard {
  readonly stream: number;
  readonly kind: string;
  readonly n?: number;
  readonly ack?: number;
  readonly data?: string | Uint8Array;
  readonly body?: Json;
  readonly tail?: readonly TailEntry[];
  readonly code?: number;
  readonly reason?: string;
  /** Which batch it came in. */
  readonly batch: number;
}

export interface FakeRequest {
  readonly ref: number;
  readonly op: string;
  readonly body: Json;
  readonly tail: readonly TailEntry[];
}

export interface FakeWorkerOptions {
  /** Its incarnation: 16 characters. */
  readonly name?: string;
  readonly secret?: string;
  readonly version?: number;
  readonly heartbeatMs?: number;
  readonly staleMs?: number;
  readonly maxMessageBytes?: number;
  /** Answers requests of the backend; without it they wait for `answer`. */
  readonly onRequest?: (request: FakeRequest) => object | undefined;
}

const NAMES = new Map(Object.entries(TrunkKind).map(([name, kind]) => [kind as number, name.toLowerCase()]));
const NEW_CLIENT: ClientCounters = { received: 0, lowest: 1, sent: 0 };

export class FakeWorker {
  readonly heard: Heard[] = [];
  readonly requests: FakeRequest[] = [];
  /** What a real worker would have closed the trunk for. */
  readonly refusals: string[] = [];
  readonly transport: FakeTransport;
  readonly #options: FakeWorkerOptions;
  readonly #writer = new BatchWriter();
  #batches = 0;
  #lastStream = 0;

  constructor(options: FakeWorkerOptions = {}) {
    this.#options = options;
    this.transport = new FakeTransport((batch) => this.#onBatch(batch));
  }

  /** Proves itself to a backend. */
  static connect(
    backend: { acceptTrunk(transport: TrunkTransport): void },
    options: FakeWorkerOptions = {},
  ): FakeWorker {
    const worker = new FakeWorker(options);
    backend.acceptTrunk(worker.transport);
    worker.transport.open();
    return worker;
  }

  get name(): string {
    return this.#options.name ?? 'w'.repeat(16);
  }

  get isReady(): boolean {
    return this.heard.some(({ kind }) => kind === 'ready');
  }

  // Saying things.

  open(session: string, open: Partial<Open> & { readonly tail?: readonly TailEntry[] } = {}): FakeStream {
    const { tail = [], ...rest } = open;
    this.#lastStream += 1;
    const body = {
      session,
      generation: 1,
      cause: 'connect',
      plain: false,
      path: '/chat',
      query: '',
      headers: {},
      address: '127.0.0.9',
      windowMs: 120_000,
      client: NEW_CLIENT,
      ...rest,
    };
    this.say(this.#lastStream, TrunkKind.Open, encodeWithTail(body, tail));
    return new FakeStream(this, this.#lastStream);
  }

  /** One frame, one batch. */
  say(stream: number, kind: number, payload: Uint8Array): void {
    this.gather(stream, kind, payload);
    this.flush();
  }

  /** For several frames in one batch: `flush` sends them. */
  gather(stream: number, kind: number, payload: Uint8Array): void {
    this.#writer.frame(stream, kind, payload);
  }

  flush(): void {
    const batch = this.#writer.take();
    if (batch !== undefined) this.transport.deliver(batch);
  }

  sayJson(stream: number, kind: number, body: object): void {
    this.say(stream, kind, encodeJson(body));
  }

  answer({ ref }: FakeRequest, result: object): void {
    this.sayJson(0, TrunkKind.Result, { ref, ok: true, ...result });
  }

  fail({ ref }: FakeRequest, error: string, retryable: boolean): void {
    this.sayJson(0, TrunkKind.Result, { ref, ok: false, error, retryable });
  }

  // What was heard.

  of(kind: string): readonly Heard[] {
    return this.heard.filter((heard) => heard.kind === kind);
  }

  on(stream: number): readonly Heard[] {
    return this.heard.filter((heard) => heard.stream === stream);
  }

  #onBatch(batch: Uint8Array): void {
    this.#batches += 1;
    readBatch(batch, {
      // oxlint-disable-next-line max-params
      onFrame: (stream, kind, bytes, start, end) => {
        const payload = new Uint8Array(bytes.subarray(start, end));
        const name = NAMES.get(kind) ?? `0x${kind.toString(16)}`;
        this.#judge(kind, payload);
        this.heard.push({ stream, kind: name, batch: this.#batches, ...contentOf(kind, payload) });
        if (kind === TrunkKind.Challenge) this.#prove(decodeJson(payload));
        if (kind === TrunkKind.Ping) this.say(0, TrunkKind.Pong, payload);
        if (kind === TrunkKind.Request) this.#onRequest(payload);
      },
    });
  }

  #judge(kind: number, payload: Uint8Array): void {
    try {
      READERS.get(kind)?.(bodyOf(payload).json);
    } catch (error) {
      if (error instanceof ProtocolError) this.refusals.push(error.message);
      else throw error;
    }
  }

  #prove({ nonce }: Json): void {
    const {
      secret = 'secret',
      version = 1,
      heartbeatMs = 2000,
      staleMs = 6000,
      maxMessageBytes = 1024 * 1024,
    } = this.#options;
    const own = 'n'.repeat(43);
    const text = `holdfast-trunk.v1 worker\n${String(nonce)}\n${own}`;
    const proof = createHmac('sha256', secret).update(text).digest('base64url');
    this.sayJson(0, TrunkKind.Prove, {
      version,
      nonce: own,
      proof,
      worker: this.name,
      heartbeatMs,
      staleMs,
      maxMessageBytes,
    });
  }

  #onRequest(payload: Uint8Array): void {
    const { json, tail } = bodyOf(payload);
    const request = { ref: json['ref'] as number, op: String(json['op']), body: json, tail };
    this.requests.push(request);
    const result = this.#options.onRequest?.(request);
    if (result !== undefined) this.answer(request, result);
  }
}

/** A session's lane, and its client. */
export class FakeStream {
  readonly id: number;
  readonly #worker: FakeWorker;
  #n = 0;

  constructor(worker: FakeWorker, id: number) {
    this.#worker = worker;
    this.id = id;
  }

  get heard(): readonly Heard[] {
    return this.#worker.on(this.id);
  }

  /** Payloads, of data frames or bare. */
  get messages(): readonly unknown[] {
    return this.heard.filter(({ data }) => data !== undefined).map(({ data }) => data);
  }

  /** The last word on the stream. */
  get end(): Heard | undefined {
    return this.heard.findLast(({ kind }) => kind === 'close' || kind === 'detach');
  }

  get opened(): Json | undefined {
    return this.heard.find(({ kind }) => kind === 'opened')?.body;
  }

  /** The client's next message; `from` sets the number to begin with. */
  message(data: string | Uint8Array, { ack = 0, n = this.#n + 1 }: { ack?: number; n?: number } = {}): void {
    this.gather(data, { ack, n });
    this.#worker.flush();
  }

  gather(data: string | Uint8Array, { ack = 0, n = this.#n + 1 }: { ack?: number; n?: number } = {}): void {
    this.#n = n;
    if (typeof data === 'string') this.#worker.gather(this.id, TrunkKind.Text, Buffer.from(encodeText(n, ack, data)));
    else this.#worker.gather(this.id, TrunkKind.Binary, encodeBinary(n, ack, data));
  }

  /** A bare text frame: a plain client's message, or whatever a test makes up. */
  text(text: string): void {
    this.#worker.say(this.id, TrunkKind.Text, Buffer.from(text));
  }

  ack(ack: number): void {
    this.text(encodeAck(ack));
  }

  resync(client: ClientCounters): void {
    this.#worker.sayJson(this.id, TrunkKind.Resync, client);
  }

  detach(code = 1006, reason = 'connection lost'): void {
    this.#worker.say(this.id, TrunkKind.Detach, encodeCloseFrame(code, reason));
  }

  close(code = 1000, reason = ''): void {
    this.#worker.say(this.id, TrunkKind.Close, encodeCloseFrame(code, reason));
  }

  askHandoff(): void {
    this.#worker.say(this.id, TrunkKind.Handoff, new Uint8Array());
  }

  /** What was handed over has a place now. */
  taken(): void {
    this.close(1000, 'taken');
  }

  credit(hasCredit: boolean): void {
    this.#worker.say(this.id, TrunkKind.Credit, Uint8Array.of(hasCredit ? 1 : 0));
  }
}

/** The backend's end of the memory. */
export class FakeTransport implements TrunkTransport {
  onMessage: ((batch: Uint8Array) => void) | undefined;
  onClose: ((code: number, reason: string) => void) | undefined;
  onWritable: (() => void) | undefined;
  bufferedBytes = 0;
  /** How the backend ended it. */
  end: { readonly code: number; readonly reason: string } | undefined;
  readonly #onBatch: (batch: Uint8Array) => void;
  /** What was said before somebody listened. */
  #early: Uint8Array[] | undefined = [];

  constructor(onBatch: (batch: Uint8Array) => void) {
    this.#onBatch = onBatch;
  }

  /** The backend has set its handlers. */
  open(): void {
    const early = this.#early ?? [];
    this.#early = undefined;
    for (const batch of early) this.#onBatch(batch);
  }

  send(batch: Uint8Array): void {
    if (this.end !== undefined) return;
    if (this.#early === undefined) this.#onBatch(batch);
    else this.#early.push(batch);
  }

  close(code: number, reason: string): void {
    this.end ??= { code, reason };
  }

  terminate(): void {
    this.end ??= { code: 1006, reason: 'terminated' };
  }

  deliver(batch: Uint8Array): void {
    if (this.end === undefined) this.onMessage?.(batch);
  }

  /** The network, or the worker, is gone. */
  lose(code = 1006, reason = 'connection lost'): void {
    this.end ??= { code, reason };
    this.onClose?.(code, reason);
  }
}

/** As a real worker reads them. */
const READERS: ReadonlyMap<number, (body: Json) => unknown> = new Map<number, (body: Json) => unknown>([
  [TrunkKind.Ready, readReady],
  [TrunkKind.Drain, readDrain],
  [TrunkKind.Load, readLoad],
  [TrunkKind.Opened, readOpened],
  [TrunkKind.Handoff, readHandoff],
  [TrunkKind.Request, readRequest],
]);

const OPENING_BRACE = 0x7b;

function bodyOf(payload: Uint8Array): { readonly json: Json; readonly tail: readonly TailEntry[] } {
  return payload[0] === OPENING_BRACE ? { json: decodeJson(payload), tail: [] } : decodeWithTail(payload);
}

const JSON_KINDS: ReadonlySet<number> = new Set([
  TrunkKind.Challenge,
  TrunkKind.Ready,
  TrunkKind.Drain,
  TrunkKind.Load,
  TrunkKind.Result,
  TrunkKind.Opened,
  TrunkKind.Subscribe,
  TrunkKind.Unsubscribe,
]);

function contentOf(kind: number, payload: Uint8Array): Partial<Heard> {
  if (kind === TrunkKind.Text || kind === TrunkKind.Binary) return dataOf(payload, kind === TrunkKind.Binary);
  if (kind === TrunkKind.Close || kind === TrunkKind.Detach) return decodeCloseFrame(payload);
  if (kind === TrunkKind.Credit) return { code: payload[0] as number };
  if (kind === TrunkKind.Handoff) {
    const { json: body, tail } = decodeWithTail(payload);
    return { body, tail };
  }
  return JSON_KINDS.has(kind) ? { body: decodeJson(payload) } : {};
}

/** A plain client's message is no data frame: it is given as it came. */
function dataOf(payload: Uint8Array, isBinary: boolean): Partial<Heard> {
  const header: DataHeader = { n: 0, ack: 0, payloadAt: 0 };
  try {
    readDataHeader(payload, { start: 0, end: payload.length, isBinary }, header);
  } catch {
    return { data: isBinary ? payload : Buffer.from(payload).toString() };
  }
  const { n, ack, payloadAt } = header;
  const rest = payload.slice(payloadAt);
  return n === 0 ? { ack } : { n, ack, data: isBinary ? rest : Buffer.from(rest).toString() };
}
