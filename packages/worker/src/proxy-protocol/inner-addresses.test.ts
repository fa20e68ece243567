import { isIPv4 } from 'node:net';
import { describe, expect, it } from 'vitest';
import { InnerAddresses, type Arrival } from './inner-addresses.js';

const ARRIVAL: Arrival = {
  remoteAddress: '203.0.113.9',
  ends: { remotePort: 1, localAddress: '127.0.0.1', localPort: 2 },
};

describe('addresses of connections to the native listener', () => {
  it.each([0, 0.5, 1 - Number.EPSILON])('are loopback addresses that nobody uses by default (random %d)', (value) => {
    const address = new InnerAddresses(() => value).reserve(ARRIVAL);
    expect(isIPv4(address)).toBe(true);
    expect(address).toMatch(/^127\.(?!0\.|255\.)/);
  });

  it('are good for one connection, until it ends', () => {
    const addresses = new InnerAddresses(() => 0.5);
    const address = addresses.reserve(ARRIVAL);
    expect(addresses.take('127.0.0.1')).toBe(false);
    expect(addresses.take(address)).toBe(true);
    expect(addresses.take(address)).toBe(false);
    expect(addresses.arrivalOf(address)).toBe(ARRIVAL);
    addresses.release(address);
    expect(addresses.arrivalOf(address)).toBeUndefined();
    expect(addresses.take(address)).toBe(false);
  });

  it('are never those of another connection', () => {
    let calls = 0;
    const addresses = new InnerAddresses(() => (calls++ < 6 ? 0.1 : 0.2));
    expect(addresses.reserve(ARRIVAL)).not.toBe(addresses.reserve(ARRIVAL));
  });
});
