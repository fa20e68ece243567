import { CloseCode, encodeWithTail, REQUEST_TIMEOUT_MS, TRUNK_STREAM, TrunkKind } from '@holdfast/protocol';
import * as fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { TrunkCloseReason } from './state.js';
import type { DataRun, StreamOwner } from './stream-owner.js';
import { ScriptedBackend, type ScriptedBackendOptions } from './testing/scripted-backend.js';
import { Trunk, type TrunkListener } from './trunk.js';
import { TrunkClock } from './trunk-clock.js';

const REQUEST = { path: '/', query: '', headers: {}, address: '' };
const BODY = { ...REQUEST, session: 's'.repeat(22), generation: 1, cause: 'connect', plain: false, windowMs: 1 };
const OPEN = encodeWithTail(BODY, []);

class Owner implements StreamOwner {
  readonly texts: string[] = [];
  readonly kinds: number[] = [];
  runs = 0;
  isLost = false;

  onData(bytes: Uint8Array, run: DataRun): void {
    this.runs += 1;
    for (let i = 0; i < run.count; i += 1) {
      this.texts.push(Buffer.from(bytes.subarray(run.starts[i], run.ends[i])).toString());
    }
  }

  onStreamFrame(kind: number): void {
    this.kinds.push(kind);
  }

  onTrunkLost(): void {
    this.isLost = true;
  }
}

interface Line {
  readonly trunk: Trunk;
  readonly backend: ScriptedBackend;
  readonly clock: TrunkClock;
  readonly listener: { [Method in keyof TrunkListener]: ReturnType<typeof vi.fn<TrunkListener[Method]>> };
  /** Why it ended. */
  reason(): TrunkCloseReason | undefined;
}

interface LineOptions extends ScriptedBackendOptions {
  readonly secrets?: readonly string[];
  /** False: it takes connections and says nothing. */
  readonly isAwake?: boolean;
}

function line({ secrets = ['secret'], isAwake = true, ...options }: LineOptions = {}): Line {
  const backend = new ScriptedBackend(options);
  backend.isAwake = isAwake;
  backend.onOpen = () => undefined;
  const listener = {
    onReady: vi.fn<TrunkListener['onReady']>(),
    onDrain: vi.fn<TrunkListener['onDrain']>(),
    onLoad: vi.fn<TrunkListener['onLoad']>(),
    onRequest: vi.fn<TrunkListener['onRequest']>(),
    onClosed: vi.fn<TrunkListener['onClosed']>(),
  };
  const clock: TrunkClock = new TrunkClock(() => trunk.cut('paused', ''));
  const trunk: Trunk = new Trunk({
    transport: backend.dial(),
    secrets,
    worker: 'w'.repeat(16),
    maxMessageBytes: 1024,
    clock,
    newNonce: () => 'nonce',
    listener,
  });
  return { trunk, backend, clock, listener, reason: () => listener.onClosed.mock.calls[0]?.[1] };
}

async function settle(): Promise<void> {
  await vi.advanceTimersByTimeAsync(5);
}

/** Time passes, and both clocks are looked at. */
async function pass({ trunk, clock }: Line, ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += 500) {
    await vi.advanceTimersByTimeAsync(500);
    clock.tick(performance.now());
    trunk.tick(performance.now());
  }
  await settle();
}

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

describe('the handshake', () => {
  it('proves both ends', async () => {
    const { trunk, listener, backend } = line({ capacity: 7, authenticates: true });
    await settle();
    expect(listener.onReady).toHaveBeenCalledOnce();
    expect(trunk.backend).toMatchObject({ incarnation: backend.incarnation, capacity: 7, authenticates: true });
  });

  it('believes a backend that knows any of the secrets', async () => {
    const { trunk } = line({ secrets: ['secret', 'old'], secret: 'secret' });
    await settle();
    expect(trunk.isReady).toBe(true);
  });

  it('fails when the worker does not know the secret', async () => {
    const here = line({ secret: 'another' });
    await settle();
    expect(here.reason()).toBe('rejected');
    expect(here.listener.onReady).not.toHaveBeenCalled();
  });

  it('fails when the backend only pretends to know the secret', async () => {
    const here = line();
    here.backend.onFrame = () => undefined;
    here.backend.isAwake = false;
    await settle();
    const proof = Buffer.alloc(32).toString('base64url');
    const ready = { proof, incarnation: 'i'.repeat(16), capacity: 0, authenticates: false, maxMessageBytes: 1 };
    here.backend.trunk.sendJson(TRUNK_STREAM, TrunkKind.Ready, ready);
    await settle();
    expect(here.reason()).toBe('rejected');
    expect(here.backend.trunk.closed?.code).toBe(CloseCode.BadCredentials);
  });

  it.each([
    ['another version', { versions: [2, 3], nonce: 'n' }, CloseCode.UnsupportedVersion],
    ['no nonce', { versions: [1] }, CloseCode.BrokeProtocol],
  ])('fails at a challenge with %s', async (_, challenge, code) => {
    const here = line({ isAwake: false });
    here.backend.trunk.sendJson(TRUNK_STREAM, TrunkKind.Challenge, challenge);
    await settle();
    expect(here.backend.trunk.closed?.code).toBe(code);
  });

  it('fails at a batch that only a proven backend may send', async () => {
    const here = line({ isAwake: false });
    here.backend.trunk.send(TRUNK_STREAM, TrunkKind.Challenge, new Uint8Array(16 * 1024));
    await settle();
    expect(here.backend.trunk.closed?.code).toBe(CloseCode.MessageTooBig);
  });

  it('is given up after 5 s', async () => {
    const here = line({ isAwake: false });
    await pass(here, 4500);
    expect(here.reason()).toBeUndefined();
    await pass(here, 1000);
    expect(here.reason()).toBe('handshakeTimeout');
    expect(here.backend.trunk.closed?.code).toBe(CloseCode.TrunkHandshakeTimeout);
  });

  it('that never connects is told as unreachable', async () => {
    const backend = new ScriptedBackend();
    backend.isReachable = false;
    const onClosed = vi.fn<TrunkListener['onClosed']>();
    const listener = { onReady: vi.fn(), onDrain: vi.fn(), onLoad: vi.fn(), onRequest: vi.fn(), onClosed };
    const shared = { secrets: ['s'], worker: '', maxMessageBytes: 1, newNonce: () => '' };
    const trunk = new Trunk({ ...shared, transport: backend.dial(), clock: new TrunkClock(() => undefined), listener });
    await settle();
    expect(onClosed.mock.calls[0]?.[1]).toBe('unreachable');
    expect(trunk.isClosed).toBe(true);
  });
});

describe('streams', () => {
  it('leave in one batch per turn, and in order', async () => {
    const { trunk, backend } = line();
    await settle();
    const batches: number[] = [];
    const { send } = backend.trunk.transport;
    backend.trunk.transport.send = (batch) => {
      batches.push(batch.length);
      send(batch);
    };
    const stream = trunk.open(new Owner(), OPEN);
    for (const text of ['one', 'two', 'three']) trunk.send(stream!, TrunkKind.Text, Buffer.from(text));
    expect(batches).toHaveLength(0);
    await settle();
    expect(batches).toHaveLength(1);
    expect(backend.trunk.textsOf(TrunkKind.Text)).toEqual(['one', 'two', 'three']);
  });

  it('are cut into batches of 1 MiB', async () => {
    const { trunk, backend } = line();
    await settle();
    const stream = trunk.open(new Owner(), OPEN)!;
    const sizes: number[] = [];
    const { send } = backend.trunk.transport;
    backend.trunk.transport.send = (batch) => {
      sizes.push(batch.length);
      send(batch);
    };
    for (let i = 0; i < 5; i += 1) trunk.send(stream, TrunkKind.Binary, Buffer.alloc(400_000));
    trunk.send(stream, TrunkKind.Binary, Buffer.alloc(3_000_000));
    await settle();
    expect(sizes.slice(0, -1).every((size) => size <= 1024 * 1024)).toBe(true);
    expect(sizes.at(-1)).toBe(3_000_009);
    expect(backend.trunk.frames.filter(({ kind }) => kind === TrunkKind.Binary)).toHaveLength(6);
  });

  it('get their own frames: consecutive data together, whatever comes between in order', async () => {
    const { trunk, backend } = line();
    await settle();
    const [one, two] = [new Owner(), new Owner()];
    const streams = [one, two].map((owner) => trunk.open(owner, OPEN)!);
    const text = (owner: number, payload: string) => ({
      stream: streams[owner]!,
      kind: TrunkKind.Text,
      payload: Buffer.from(payload),
    });
    backend.trunk.sendBatch([text(0, 'a'), text(0, 'b'), text(1, 'c'), text(0, 'd')]);
    await settle();
    expect([one.texts, one.runs, two.texts, two.runs]).toEqual([['a', 'b', 'd'], 2, ['c'], 1]);
  });

  it('that are unknown are answered with close when data comes, and not otherwise', async () => {
    const { trunk, backend } = line();
    await settle();
    backend.trunk.sendText(99, 'x');
    backend.trunk.send(98, TrunkKind.Credit, new Uint8Array([0]));
    backend.trunk.send(97, TrunkKind.Close, new Uint8Array([3, 232]));
    await settle();
    expect(backend.trunk.frames.filter(({ kind }) => kind === TrunkKind.Close)).toMatchObject([{ stream: 99 }]);
    expect(trunk.isClosed).toBe(false);
  });

  it('are never used twice', async () => {
    const { trunk } = line();
    await settle();
    const first = trunk.open(new Owner(), OPEN)!;
    trunk.end(first, TrunkKind.Close, 1000, '');
    expect(trunk.open(new Owner(), OPEN)).toBe(first + 1);
  });
});

describe('the end of a trunk', () => {
  it('is told to its link first, then to every stream, once', async () => {
    const { trunk, backend, listener } = line();
    await settle();
    const owner = new Owner();
    listener.onClosed.mockImplementation(() => expect(owner.isLost).toBe(false));
    trunk.open(owner, OPEN);
    backend.trunk.cut();
    await settle();
    expect(owner.isLost).toBe(true);
    expect(listener.onClosed).toHaveBeenCalledOnce();
  });

  it.each<[string, TrunkCloseReason, (here: Line) => void]>([
    ['it breaks', 'lost', ({ backend }) => backend.trunk.cut()],
    ['the backend closes it', 'closedByBackend', ({ backend }) => backend.trunk.close(1001)],
    ['a frame does not fit', 'brokeProtocol', ({ backend }) => backend.trunk.sendRaw(new Uint8Array([0, 0, 0]))],
    ['a kind is unknown', 'brokeProtocol', ({ backend }) => backend.trunk.send(0, 0x55, new Uint8Array(0))],
    ['data comes on stream 0', 'brokeProtocol', ({ backend }) => backend.trunk.sendText(0, 'x')],
    [
      'a worker’s kind comes',
      'brokeProtocol',
      ({ backend }) => backend.trunk.send(5, TrunkKind.Open, new Uint8Array(0)),
    ],
  ])('when %s is "%s"', async (_, reason, happen) => {
    const here = line();
    await settle();
    happen(here);
    await settle();
    expect(here.reason()).toBe(reason);
  });

  it('comes at a payload over 17 MiB', async () => {
    const here = line();
    await settle();
    here.backend.trunk.send(TRUNK_STREAM, TrunkKind.Load, new Uint8Array(17 * 1024 * 1024 + 1));
    await settle();
    expect([here.reason(), here.backend.trunk.closed?.code]).toEqual(['brokeProtocol', CloseCode.MessageTooBig]);
  });

  it('comes 6 s after the last word of the backend', async () => {
    const here = line();
    await settle();
    await pass(here, 10_000);
    expect(here.reason()).toBeUndefined();
    expect(here.trunk.rttMs).toBeGreaterThanOrEqual(0);
    here.backend.isAwake = false;
    await pass(here, 5000);
    expect(here.reason()).toBeUndefined();
    await pass(here, 3000);
    expect(here.reason()).toBe('stale');
  });

  it('comes when the backend does not take what it is sent', async () => {
    const here = line();
    await settle();
    here.backend.trunk.bufferedBytes = 17 * 1024 * 1024;
    here.trunk.send(TRUNK_STREAM, TrunkKind.Ping, new Uint8Array(0));
    await settle();
    expect(here.reason()).toBe('tooSlow');
  });

  it('comes before anything is read after a pause of this process', async () => {
    const here = line();
    await settle();
    const owner = new Owner();
    const stream = here.trunk.open(owner, OPEN)!;
    await settle();
    vi.setSystemTime(Date.now() + 7000);
    vi.advanceTimersByTime(7000);
    here.backend.trunk.sendText(stream, 'of an hour ago');
    await Promise.resolve();
    await settle();
    expect(owner.texts).toEqual([]);
    expect(here.reason()).toBe('paused');
  });

  it('comes before anything is written after a pause of this process', async () => {
    const here = line();
    await settle();
    vi.advanceTimersByTime(7000);
    const before = here.backend.trunk.frames.length;
    here.trunk.send(7, TrunkKind.Text, Buffer.from('of an hour ago'));
    await settle();
    expect(here.backend.trunk.frames.length).toBe(before);
    expect(here.reason()).toBe('paused');
  });

  it('is the answer to any bytes, or nothing is', async () => {
    const bytes = fc.uint8Array({ maxLength: 200 });
    const kind = fc.constantFrom(...Object.values(TrunkKind));
    const frame = fc.record({ stream: fc.constantFrom(0, 1, 2, 0xffffffff), kind, payload: bytes });
    const property = fc.asyncProperty(fc.array(frame, { maxLength: 5 }), bytes, async (frames, raw) => {
      const here = line();
      await settle();
      here.trunk.open(new Owner(), OPEN);
      here.backend.trunk.sendBatch(frames);
      here.backend.trunk.sendRaw(raw);
      await settle();
      expect([undefined, 'brokeProtocol', 'rejected']).toContain(here.reason());
    });
    await fc.assert(property, { numRuns: 200 });
  });
});

describe('requests', () => {
  it('are answered by their number', async () => {
    const { trunk, backend } = line();
    await settle();
    const answers = Promise.all([trunk.request({ op: 'x' }), trunk.request({ op: 'y' })]);
    await settle();
    backend.trunk.sendJson(0, TrunkKind.Result, { ref: 2, ok: true, n: 2 });
    backend.trunk.sendJson(0, TrunkKind.Result, { ref: 1, ok: false, error: 'no', retryable: true });
    backend.trunk.sendJson(0, TrunkKind.Result, { ref: 9, ok: true });
    expect(await answers).toMatchObject([
      { ok: false, error: 'no' },
      { ok: true, body: { n: 2 } },
    ]);
  });

  it('fail after 5 s, and with their trunk', async () => {
    const here = line();
    await settle();
    const late = here.trunk.request({ op: 'x' });
    await pass(here, REQUEST_TIMEOUT_MS + 500);
    expect(await late).toEqual({ ok: false, error: 'timeout', retryable: true });
    const lost = here.trunk.request({ op: 'x' });
    here.backend.trunk.cut();
    expect(await lost).toEqual({ ok: false, error: 'lost', retryable: true });
    expect(await here.trunk.request({ op: 'x' })).toMatchObject({ ok: false, error: 'lost' });
  });

  it('are bounded', async () => {
    const { trunk } = line();
    await settle();
    for (let i = 0; i < 10_000; i += 1) void trunk.request({ op: 'x' });
    expect(await trunk.request({ op: 'x' })).toMatchObject({ ok: false, error: 'tooMany' });
  });
});
