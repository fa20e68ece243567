/** Schema of a route's `limits`: what clients may do, and how many of them. */
import type { RouteLimits } from '@holdfast/worker';
import type { z } from 'zod';
import { duration, integer, map, size } from './schema-parts.js';

const MAX_COUNT = 1_000_000;

const count = (of: string): z.ZodType<number> => integer({ max: MAX_COUNT }).default(0).describe(`${of} 0: no limit.`);

const bytes = (of: string): z.ZodType<number> => size().prefault(0).describe(`${of} 0: no limit.`);
const SHARED = 'Whoever sends the one too many is closed with 1008.';

export const limitsSchema: z.ZodType<RouteLimits> = map({
  messageBytes: size({ min: 1 })
    .prefault('1MiB')
    .describe('Size: largest WebSocket message from either side; a larger one closes the connection with 1009.'),
  messagesPerSecond: count("Messages per second from one client, with one second's burst; more closes with 1008."),
  bytesPerSecond: bytes("Size: bytes per second from one client, with one second's burst; more closes with 1008."),
  messagesPerSecondPerAddress: count(`Messages per second and worker from all clients of one address. ${SHARED}`),
  bytesPerSecondPerAddress: bytes(`Size: bytes per second and worker from all clients of one address. ${SHARED}`),
  messagesPerSecondPerPrincipal: count(`Messages per second and worker from all clients of one principal. ${SHARED}`),
  bytesPerSecondPerPrincipal: bytes(`Size: bytes per second and worker from all clients of one principal. ${SHARED}`),
  messagesPerSecondPerRoute: count(`Messages per second and worker from all clients of the route. ${SHARED}`),
  bytesPerSecondPerRoute: bytes(`Size: bytes per second and worker from all clients of the route. ${SHARED}`),
  ipv6Prefix: integer({ min: 16, max: 128 })
    .default(64)
    .describe('Bits of an IPv6 address that limits per address go by: clients of one such network count as one.'),
  connections: count('Open connections of this route on this machine; one more is refused with 429.'),
  connectionsPerAddress: count('Open connections per client address on this machine; one more is refused with 429.'),
  connectionsPerPrincipal: count(
    'Open connections per principal on this machine; one more is refused with 429, or 4013.',
  ),
  newPerSecond: count('Handshakes and HTTP requests per second on this machine; more are refused with 429.'),
  newPerSecondPerAddress: count(
    'Handshakes and HTTP requests per second and client address; more are refused with 429.',
  ),
  newPerSecondPerPrincipal: count(
    'Handshakes and HTTP requests per second and principal; more are refused with 429, or 4013.',
  ),
  idle: duration({ min: 1 })
    .prefault('120s')
    .describe('Duration: a client that stays silent this long, pongs included, is closed; it is pinged at half of it.'),
  lifetime: duration()
    .prefault(0)
    .describe('Duration after which a WebSocket is closed with 1001, give or take a tenth. 0: never.'),
  buffer: size({ min: 1024 })
    .prefault('256KiB')
    .describe('Size: bytes that may wait for a slow peer, per connection and direction.'),
}).transform(({ idle, lifetime, buffer, ...rest }) => ({
  ...rest,
  idleMs: idle,
  lifetimeMs: lifetime,
  bufferBytes: buffer,
}));
