import { describe, expect, it, vi } from 'vitest';
import { ClientSockets, spareDescriptors } from './client-sockets.js';

function socketsWith(spare: number, upstream = 0): { sockets: ClientSockets; onRefused: ReturnType<typeof vi.fn> } {
  const onRefused = vi.fn<() => void>();
  const sockets = new ClientSockets({
    spareDescriptors: spare,
    upstream: () => upstream,
    onRefused,
    onFlood: vi.fn<() => void>(),
  });
  return { sockets, onRefused };
}

describe('sockets of clients', () => {
  it('keeps descriptors back, and takes none beyond them', () => {
    const { sockets, onRefused } = socketsWith(52);
    const taken = Array.from({ length: 12 }, () => sockets.opened()).filter(Boolean).length;
    // 32 of 52 are kept back, and each that waits may need one more for its backend.
    expect(taken).toBe(10);
    expect(onRefused).toHaveBeenCalledTimes(2);
  });

  it('counts a WebSocket once, and what it has of its backend besides', () => {
    const { sockets } = socketsWith(52, 10);
    for (let i = 0; i < 8; i += 1) {
      expect(sockets.opened()).toBe(true);
      sockets.upgraded();
    }
    expect(sockets.opened()).toBe(true);
    expect(sockets.opened()).toBe(false);
    expect(sockets).toMatchObject({ waiting: 2, webSockets: 8, accepted: 10 });
  });

  it('has room again when one has gone', () => {
    const { sockets } = socketsWith(34);
    expect(sockets.opened()).toBe(true);
    sockets.upgraded();
    expect(sockets.opened()).toBe(false);
    sockets.waiting -= 1;
    sockets.webSocketClosed();
    expect(sockets.opened()).toBe(true);
  });

  it('takes everybody where nobody says how many descriptors there are', () => {
    const { sockets, onRefused } = socketsWith(Infinity);
    for (let i = 0; i < 100_000; i += 1) sockets.opened();
    expect(onRefused).not.toHaveBeenCalled();
  });

  it('reads what this process may still open', () => {
    expect(spareDescriptors()).toBeGreaterThan(0);
  });
});
