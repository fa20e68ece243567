/**
 * A peer that does not read. The client's slowness reaches the backend as backpressure; a client cannot be paused,
 * so one that outruns its backend is closed with 1013 at the bound. Either way memory stays bounded and returns.
 */
import type { WebSocket } from 'ws';
import { describe, expect, it } from 'vitest';
import { startEcho } from '../support/backends/websocket-echo.js';
import { eventually, never } from '../support/eventually.js';
import { closeOf, encodeClose, encodeFrame, FrameReader, Opcode } from '../support/frames.js';
import { openConnections } from '../support/gauges.js';
import { relayTo, startHoldfast } from '../support/holdfast.js';
import { residentBytes } from '../support/process-facts.js';
import { connectRawWebSocket, type RawClient } from '../support/raw-client.js';
import { openSocket } from '../support/websocket-client.js';

const MIB = 1024 * 1024;
const BLOCK = Buffer.alloc(64 * 1024, 1);

describe('a client that stops reading', () => {
  it('pauses its backend, holds no more than the bound, and gets everything once it reads again', async () => {
    const total = 128;
    let sender: WebSocket | undefined;
    await using backend = await startEcho({ onOpen: (socket) => (sender = socket) });
    await using holdfast = await startHoldfast(relayTo([backend.url]));
    await using client = await connectRawWebSocket(holdfast);
    const [worker] = holdfast.workerPids();
    const before = residentBytes(worker!);
    const socket = client.takeSocket();
    for (let i = 0; i < total * 16; i += 1) sender!.send(BLOCK);
    expect(await untilSteady(() => sender!.bufferedAmount)).toBeGreaterThan((total / 2) * MIB);
    expect((residentBytes(worker!) - before) / MIB).toBeLessThan(32);

    const reader = new FrameReader();
    let received = 0;
    socket.on('data', (chunk) => {
      for (const frame of reader.push(chunk)) received += frame.payload.length;
    });
    socket.resume();
    await eventually(() => expect(received).toBe(total * MIB), { withinMs: 30_000 });
  });

  it('does not hold up the others', async () => {
    let first: WebSocket | undefined;
    await using backend = await startEcho({ onOpen: (socket) => (first ??= socket) });
    await using holdfast = await startHoldfast(relayTo([backend.url]));
    await using stalled = await connectRawWebSocket(holdfast);
    stalled.socket.pause();
    for (let i = 0; i < 500; i += 1) first!.send(BLOCK);
    expect(await untilSteady(() => first!.bufferedAmount)).toBeGreaterThan(0);
    await using lively = await openSocket(holdfast.wsUrl());
    for (let i = 0; i < 100; i += 1) expect(await lively.ask(String(i))).toBe(String(i));
  });
});

describe('a backend that stops reading', () => {
  it('gets its client closed with 1013 at the bound, and memory back', async () => {
    await using backend = await startEcho({ onOpen: (socket) => socket.pause() });
    await using holdfast = await startHoldfast(relayTo([backend.url], { route: { limits: { buffer: '256KiB' } } }));
    const [worker] = holdfast.workerPids();
    const before = residentBytes(worker!);
    await using client = await connectRawWebSocket(holdfast);
    let peak = before;
    const frame = encodeFrame({ opcode: Opcode.binary, payload: BLOCK });
    const pump = setInterval(() => {
      if (!client.socket.destroyed && client.socket.writableLength < 8 * MIB)
        for (let i = 0; i < 32; i += 1) client.write(frame);
      peak = Math.max(peak, residentBytes(worker!));
    }, 5);
    try {
      const close = await client.frame();
      expect(close.opcode).toBe(Opcode.close);
      expect(closeOf(close)?.code).toBe(1013);
    } finally {
      clearInterval(pump);
    }
    expect((peak - before) / MIB).toBeLessThan(64);
    await eventually(async () => expect(await openConnections(holdfast)).toBe(0));
  });
});

describe('a backend that is slow', () => {
  it('gets what its client sent before it left in order, however long that takes', async () => {
    let socket: WebSocket | undefined;
    const received: number[] = [];
    await using backend = await startEcho({
      onOpen: (opened) => {
        socket = opened;
        opened.pause();
        opened.on('message', (data: Buffer) => received.push(data.readUInt32BE()));
      },
    });
    await using holdfast = await startHoldfast(relayTo([backend.url], { route: { limits: { buffer: '64MiB' } } }));
    await using client = await connectRawWebSocket(holdfast);
    const count = 400;
    for (let i = 0; i < count; i += 1) {
      BLOCK.writeUInt32BE(i);
      client.writeFrame({ opcode: Opcode.binary, payload: BLOCK });
    }
    client.write(encodeClose(1000));
    expect(closeOf(await client.frame())?.code).toBe(1000);
    // Longer than an answer to the close frame is waited for, once the backend has it.
    expect((await holdfast.metrics()).sum('holdfast_buffered_bytes', { direction: 'up' })).toBeGreaterThan(MIB);
    await never(6500, () => expect(backend.open.size).toBe(1));
    socket!.resume();
    await eventually(() => expect(backend.closes).toMatchObject([{ code: 1000 }]), { withinMs: 20_000 });
    expect(received).toEqual(Array.from({ length: count }, (_, i) => i));
    await eventually(async () => expect(await openConnections(holdfast)).toBe(0));
    expect((await holdfast.metrics()).sum('holdfast_messages_lost_total')).toBe(0);
  });

  it('loses what waits for it when it takes nothing for too long, and that is counted', async () => {
    await using backend = await startEcho({ onOpen: (opened) => opened.pause() });
    const limits = { buffer: '64MiB', idle: '3s' };
    await using holdfast = await startHoldfast(relayTo([backend.url], { route: { limits } }));
    await using client = await connectRawWebSocket(holdfast);
    for (let i = 0; i < 400; i += 1) client.writeFrame({ opcode: Opcode.binary, payload: BLOCK });
    client.write(encodeClose(1000));
    expect(closeOf(await client.frame())?.code).toBe(1000);
    await eventually(async () => expect(await openConnections(holdfast)).toBe(0), { withinMs: 15_000 });
    const metrics = await holdfast.metrics();
    expect(metrics.sum('holdfast_bound_hits_total', { bound: 'backend_close' })).toBe(1);
    expect(metrics.sum('holdfast_messages_lost_total')).toBeGreaterThan(16);
    expect(metrics.sum('holdfast_messages_lost_total')).toBeLessThan(400);
  });

  it('is not made to pay for empty messages by the bytes on the wire alone', async () => {
    await using backend = await startEcho({ onOpen: (opened) => opened.pause() });
    await using holdfast = await startHoldfast(relayTo([backend.url], { route: { limits: { buffer: '1MiB' } } }));
    const [worker] = holdfast.workerPids();
    await using client = await connectRawWebSocket(holdfast);
    const before = residentBytes(worker!);
    const frames = Buffer.concat(Array.from({ length: 8192 }, () => encodeFrame({ opcode: Opcode.binary })));
    let peak = before;
    const pump = setInterval(() => {
      if (!client.socket.destroyed && client.socket.writableLength < MIB) client.write(frames);
      peak = Math.max(peak, residentBytes(worker!));
    }, 5);
    try {
      expect(closeOf(await client.frame())?.code).toBe(1013);
    } finally {
      clearInterval(pump);
    }
    console.log(`empty messages: ${((peak - before) / MIB).toFixed(1)} MiB`);
    expect((peak - before) / MIB).toBeLessThan(40);
  });
});

describe('a thousand clients that stop reading', () => {
  it('cost bounded memory, which goes back to the system when they go', async () => {
    const count = 1000;
    await using backend = await startEcho({
      onOpen: (socket) => {
        for (let i = 0; i < 64; i += 1) socket.send(BLOCK);
      },
    });
    await using holdfast = await startHoldfast(relayTo([backend.url], { route: { limits: { buffer: '64KiB' } } }));
    const [worker] = holdfast.workerPids();
    const before = residentBytes(worker!);
    const wave = async (): Promise<number> => {
      const clients: RawClient[] = [];
      for (let opened = 0; opened < count; opened += 100) {
        clients.push(...(await Promise.all(Array.from({ length: 100 }, () => openStalled(holdfast.port)))));
      }
      await untilSteady(() => [...backend.open].reduce((sum, socket) => sum + socket.bufferedAmount, 0));
      const peak = residentBytes(worker!) - before;
      for (const client of clients) client.reset();
      await eventually(() => expect(backend.open.size).toBe(0), { withinMs: 20_000 });
      return peak;
    };
    const first = await wave();
    console.log(`stalled clients: ${(first / count / 1024).toFixed(1)} KiB each`);
    // Each may hold its 64 KiB bound, one message above it, a message on its way in, and what a socket costs.
    expect(first / count / 1024).toBeLessThan(320);
    const metrics = await holdfast.metrics();
    expect(metrics.sum('holdfast_buffered_bytes')).toBe(0);
    expect(await openConnections(holdfast)).toBe(0);
    expect(await wave()).toBeLessThan(first * 1.3);
    // What V8's heap grew by stays: it keeps what it has once needed. The pages of the buffers do not.
    const kept = (residentBytes(worker!) - before) / MIB;
    console.log(`stalled clients: ${kept.toFixed(1)} MiB kept of ${(first / MIB).toFixed(1)}`);
    expect(kept).toBeLessThan(80);
    await using lively = await openSocket(holdfast.wsUrl());
    expect((await lively.message()).data.length).toBe(BLOCK.length);
  }, 120_000);
});

async function openStalled(port: number): Promise<RawClient> {
  const client = await connectRawWebSocket({ port });
  client.socket.pause();
  return client;
}

/** The value once it has stopped changing for half a second. */
async function untilSteady(measure: () => number): Promise<number> {
  let last = -1;
  return eventually(
    () => {
      const now = measure();
      const isSteady = now === last;
      last = now;
      expect(isSteady).toBe(true);
      return now;
    },
    { everyMs: 500, withinMs: 30_000 },
  );
}
