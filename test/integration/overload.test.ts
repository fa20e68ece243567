/**
 * A worker that runs out of memory for real: clients that do not read fill its buffers, and its limit is put so that what it
 * has is as much as each level is about. By the limit and not by more buffers, because memory comes and goes in lumps.
 */
import type { Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type EchoBackend, startEcho } from '../support/backends/websocket-echo.js';
import { eventually } from '../support/eventually.js';
import { type Holdfast, type HoldfastConfig, relayTo, startHoldfast } from '../support/holdfast.js';
import { residentBytes } from '../support/process-facts.js';
import { connectRawWebSocket } from '../support/raw-client.js';
import { openRefused, openSocket, type TestSocket } from '../support/websocket-client.js';

const MIB = 1024 * 1024;
const BUFFER = 16 * MIB;
/** For each client that does not read; what the kernel takes of it is not the worker's. */
const SENT_MIB = 40;
const SLOW = 4;
/** At least: the kernel takes some more of it with time. */
const LEFT = BUFFER / 2;
const SOON = { withinMs: 20_000 };

describe('a worker that is short of memory', () => {
  let backend: EchoBackend;
  let holdfast: Holdfast;
  let config: HoldfastConfig;
  let calm: TestSocket;
  const slow: Socket[] = [];

  beforeAll(async () => {
    const piece = Buffer.alloc(MIB);
    backend = await startEcho({
      onOpen: (socket, { url }) => {
        if (url === '/flood') for (let n = 0; n < SENT_MIB; n += 1) socket.send(piece);
      },
    });
    const { routes, pools } = relayTo([backend.url], { route: { limits: { idle: '12s' } } });
    const flood = { match: { path: '/flood' }, pool: 'app', limits: { buffer: BUFFER, idle: '10m' } };
    config = { routes: [flood, ...routes], pools };
    holdfast = await startHoldfast(config);
    calm = await openSocket(holdfast.wsUrl());
    for (let n = 0; n < SLOW; n += 1) {
      const client = await connectRawWebSocket(holdfast, { path: '/flood' });
      slow.push(client.takeSocket());
    }
    await eventually(areFull, SOON);
    await untilSteady();
  }, 60_000);

  afterAll(async () => {
    for (const socket of slow) socket.destroy();
    await calm?.[Symbol.asyncDispose]();
    await holdfast?.[Symbol.asyncDispose]();
    await backend?.[Symbol.asyncDispose]();
  });

  async function sum(name: string, labels: Record<string, string> = {}): Promise<number> {
    return (await holdfast.metrics()).sum(name, labels) ?? 0;
  }

  const buffered = (): Promise<number> => sum('holdfast_buffered_bytes', { direction: 'down' });
  const areFull = async (): Promise<void> => expect(await buffered()).toBeGreaterThan(SLOW * LEFT);
  const resident = (): number => residentBytes(holdfast.workerPids()[0]!);
  const shed = (): Promise<number> => sum('holdfast_bound_hits_total', { bound: 'overload_buffers' });

  /** What it has now is this share of what it may have from now on; a little more if that is not enough for the level. */
  async function makeItBe(share: number, level: number): Promise<void> {
    const isThere = async (): Promise<void> => expect(await sum('holdfast_overload_level')).toBe(level);
    let asked = share - 0.01;
    const tryIt = async (): Promise<void> => {
      asked += 0.01;
      holdfast.reload({ ...config, overload: { memory: Math.round(resident() / asked), eventLoopLag: 0 } });
      await eventually(isThere, { withinMs: 3_000 });
    };
    await eventually(tryIt, SOON);
  }

  /** What was on its way has come, and the heap has grown as far as it will. */
  async function untilSteady(): Promise<void> {
    let last = 0;
    const isSteady = (): void => {
      const [now, before] = [resident(), last];
      last = now;
      expect(Math.abs(now - before)).toBeLessThan(2 * MIB);
    };
    await eventually(isSteady, { ...SOON, everyMs: 1_000 });
  }

  it('first asks its silent clients sooner for a sign of life, and lets others in', async () => {
    await makeItBe(0.8, 1);
    const nextPing = async (withinMs: number): Promise<void> => {
      const pings = calm.pings.length;
      await eventually(() => expect(calm.pings.length).toBeGreaterThan(pings), { withinMs });
    };
    await nextPing(10_000);
    // Of 12 s idle it asks after 6; now after 3.
    await nextPing(5_500);
    await using fresh = await openSocket(holdfast.wsUrl());
    expect(await fresh.ask('hi')).toBe('hi');
    expect(await shed()).toBe(0);
  });

  it('then refuses new clients, and takes nothing from those it has', async () => {
    await makeItBe(0.9, 2);
    expect((await openRefused(holdfast.wsUrl())).status).toBe(503);
    expect(await calm.ask('still here')).toBe('still here');
    expect([await shed(), (await buffered()) > SLOW * LEFT]).toEqual([0, true]);
  });

  it('and then lets go of the buffers of the slowest, half of them, and no more once that was enough', async () => {
    const before = resident();
    await makeItBe(0.96, 3);
    await holdfast.waitForLog(
      (line) => line['detail'] === 'limit: overload_buffers' && line['closeCode'] === 1013,
      SOON,
    );
    // The native side keeps what stands in front of a close frame for a quarter of a minute: that would be no help.
    await eventually(() => expect(before - resident()).toBeGreaterThan(BUFFER), { withinMs: 8_000 });
    await eventually(() => expect(backend.closes.some(({ code }) => code === 1013)).toBe(true), SOON);
    expect(await shed()).toBe(SLOW / 2);
    expect(await buffered()).toBeGreaterThan((SLOW / 2) * LEFT);
    expect(await calm.ask('still here')).toBe('still here');
    const levels = holdfast.log.all('under pressure').map((line) => line['level']);
    expect(levels).toEqual([1, 2, 3]);
  });
});
