import { describe, expect, it } from 'vitest';
import type { RouteLimits } from '../config.js';
import { socketBounds } from './socket-bounds.js';

describe('socketBounds', () => {
  it('takes the widest of what the routes allow, and one more byte than that', () => {
    const chat = route({ messageBytes: 1000, bufferBytes: 5000, idleMs: 60_000 });
    const files = route({ messageBytes: 9000, bufferBytes: 2000, idleMs: 20_000 });
    const bounds = socketBounds([chat, files]);
    expect(bounds.maxMessageBytes).toBeGreaterThan(9000);
    expect(bounds.maxBufferedBytes).toBeGreaterThan(11_000);
    expect(bounds.idleTimeoutSeconds).toBeGreaterThan(60);
  });

  it.each([
    {
      name: 'none of its own where a route needs longer than the native timer can wait',
      idleMs: 3_600_000,
      seconds: 0,
    },
    { name: 'its longest where only the pings have to come in time', idleMs: 1_200_000, seconds: 960 },
    { name: 'its shortest where a route has no limit', idleMs: 0, seconds: 8 },
  ])('sets the native timer to $name', ({ idleMs, seconds }) => {
    expect(socketBounds([route({ idleMs })]).idleTimeoutSeconds).toBe(seconds);
  });

  it('has bounds without any route', () => {
    expect(socketBounds([]).maxMessageBytes).toBeGreaterThan(0);
  });
});

function route(limits: Partial<RouteLimits>): { readonly limits: RouteLimits } {
  return { limits: { messageBytes: 1, bufferBytes: 1, idleMs: 1, ...limits } as RouteLimits };
}
