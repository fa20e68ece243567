/** Every bound of a session, hit on purpose: what the documents say happens, both sides are told, nothing is lost. */
import { type Backend, type BackendSession, createBackend } from '@holdfast/backend';
import { connect } from '@holdfast/client';
import { CLIENT_QUEUE, DOWN_TAIL, PARKED_TAIL } from '@holdfast/protocol';
import { describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { eventually } from '../support/eventually.js';
import { type Holdfast, SECRET, startHoldfast } from '../support/holdfast.js';
import { residentBytes } from '../support/process-facts.js';
import { RawSession } from '../support/sessions/raw-session.js';
import { sessionsOf } from './arena.js';

interface Stage extends AsyncDisposable {
  readonly backend: Backend;
  readonly holdfast: Holdfast;
  readonly url: string;
  /** The next session that begins at the backend. */
  nextSession(): Promise<BackendSession>;
}

async function openStage(shape: Parameters<typeof sessionsOf>[1] = {}): Promise<Stage> {
  const backend = createBackend({ secret: SECRET });
  const { port } = await backend.listen(0, '127.0.0.1');
  const holdfast = await startHoldfast(sessionsOf([`http://127.0.0.1:${port}`], { workers: 1, ...shape }));
  return {
    backend,
    holdfast,
    url: holdfast.wsUrl('/'),
    nextSession: () => new Promise((resolve) => backend.once('session', resolve)),
    async [Symbol.asyncDispose]() {
      await holdfast[Symbol.asyncDispose]();
      await backend.close();
    },
  };
}

function told(session: BackendSession, event: 'detached' | 'writable'): Promise<void> {
  return new Promise((resolve) => session.once(event, () => resolve()));
}

/** Sends numbered messages until one is not taken; gives how many were. */
function fill(session: BackendSession, bytes = 16): number {
  let taken = 0;
  while (session.send(`${taken + 1} `.padEnd(bytes, '.'))) taken += 1;
  return taken;
}

function numbersOf({ messages }: RawSession): readonly number[] {
  return messages.map(({ data }) => Number(data.split(' ')[0]));
}

function upTo(count: number): readonly number[] {
  return Array.from({ length: count }, (_, i) => i + 1);
}

describe('bounds of a session', () => {
  it("the client's queue: send says no at the bound, everything taken arrives once there is room", async () => {
    await using stage = await openStage();
    const arrived: number[] = [];
    let release = (): void => undefined;
    const released = new Promise<void>((resolve) => (release = resolve));
    stage.backend.on('session', (session) => {
      session.on('message', async (data) => {
        arrived.push(Number(data));
        await released;
      });
    });
    const session = connect(stage.url, { webSocket: WebSocket });
    let told = 0;
    session.addEventListener('backpressure', () => (told += 1));
    let taken = 0;
    await eventually(() => expect(session.state).toBe('open'));
    while (session.send(String(taken + 1))) taken += 1;
    expect(taken).toBe(CLIENT_QUEUE.messages);
    await eventually(() => expect(told).toBe(1));
    release();
    await eventually(() => expect(arrived).toEqual(upTo(taken)), { withinMs: 15_000 });
    await eventually(() => expect(session.send(String(taken + 1))).toBe(true));
    await eventually(() => expect(arrived).toEqual(upTo(taken + 1)));
    session.close();
  });

  it('the unacknowledged tail of a backend: send says no at the bound, writable follows', async () => {
    await using stage = await openStage();
    const begun = stage.nextSession();
    await using client = await RawSession.open(stage.url);
    const session = await begun;
    const taken = fill(session);
    expect(taken).toBe(DOWN_TAIL.messages);
    await client.untilMessages(taken);
    expect(session.send('one more')).toBe(false);
    const writable = told(session, 'writable');
    client.ack();
    await writable;
    expect(session.send(`${taken + 1} `)).toBe(true);
    await client.untilMessages(taken + 1);
    expect(numbersOf(client)).toEqual(upTo(taken + 1));
  });

  it('what is parked for a client that is away: send says no at the bound, everything taken arrives at the resume', async () => {
    await using stage = await openStage();
    const begun = stage.nextSession();
    await using client = await RawSession.open(stage.url);
    const session = await begun;
    const detached = told(session, 'detached');
    client.cut();
    await detached;
    const taken = fill(session);
    expect(taken).toBe(PARKED_TAIL.messages);
    await using again = await RawSession.open(stage.url, { resume: client.resumption });
    expect(again.welcome).toMatchObject({ resumed: true });
    await again.untilMessages(taken);
    expect(numbersOf(again)).toEqual(upTo(taken));
  });

  it('a client that does not read: closed with 4008, resumable, nothing lost', { timeout: 120_000 }, async () => {
    await using stage = await openStage();
    const begun = stage.nextSession();
    await using client = await RawSession.open(stage.url);
    const session = await begun;
    client.socket.pause();
    const detached = told(session, 'detached');
    let taken = 0;
    const bytes = 4096;
    // Until neither the kernel nor anybody between has room.
    await eventually(
      () => {
        while (session.send(`${taken + 1} `.padEnd(bytes, '.'))) taken += 1;
        expect(session.isAttached).toBe(false);
      },
      { withinMs: 60_000 },
    );
    await detached;
    client.socket.resume();
    expect((await client.untilClosed()).code).toBe(4008);
    await using again = await RawSession.open(stage.url, { resume: client.resumption });
    expect(again.welcome).toMatchObject({ resumed: true });
    const acking = setInterval(() => again.ack(), 20);
    await eventually(() => expect(numbersOf(client).length + numbersOf(again).length).toBe(taken), {
      withinMs: 15_000,
    });
    clearInterval(acking);
    expect([...numbersOf(client), ...numbersOf(again)]).toEqual(upTo(taken));
  });

  it('1,000 clients that do not read: memory stays flat, others are served', { timeout: 200_000 }, async () => {
    await using stage = await openStage();
    const sessions: BackendSession[] = [];
    stage.backend.on('session', (session) => {
      sessions.push(session);
      session.on('message', (data) => void session.send(data));
    });
    const [worker] = stage.holdfast.workerPids();
    const clients: RawSession[] = [];
    for (let i = 0; i < 1000; i += 1) clients.push(await RawSession.open(stage.url));
    for (const { socket } of clients) socket.pause();
    const stalled = [...sessions];
    const before = residentBytes(worker!);
    const filler = '.'.repeat(8192);
    const flood = setInterval(() => {
      for (const session of stalled) while (session.isAttached && session.send(filler));
    }, 50);
    try {
      await eventually(() => expect(stalled.filter(({ isAttached }) => isAttached).length).toBe(0), {
        withinMs: 120_000,
        everyMs: 250,
      });
      const grown = residentBytes(worker!) - before;
      console.log(`1,000 stalled sessions: worker grew by ${Math.round(grown / 1024 / 1024)} MiB at their end`);
      // 64 KiB each before the backend is told to stop, and what was on its way.
      expect(grown).toBeLessThan(1000 * 256 * 1024);
      await using other = await RawSession.open(stage.url);
      other.send('hello');
      expect((await other.untilMessages(1))[0]).toMatchObject({ data: 'hello' });
    } finally {
      clearInterval(flood);
      for (const client of clients) client.cut();
    }
  });
});
