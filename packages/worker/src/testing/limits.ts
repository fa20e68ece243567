/** The limits of a route that limits nothing; the sizes are the smallest there are. */
import type { RouteLimits } from '../config.js';

export const NO_LIMITS: RouteLimits = {
  messageBytes: 1,
  messagesPerSecond: 0,
  bytesPerSecond: 0,
  messagesPerSecondPerAddress: 0,
  bytesPerSecondPerAddress: 0,
  messagesPerSecondPerPrincipal: 0,
  bytesPerSecondPerPrincipal: 0,
  messagesPerSecondPerRoute: 0,
  bytesPerSecondPerRoute: 0,
  ipv6Prefix: 64,
  connections: 0,
  connectionsPerAddress: 0,
  connectionsPerPrincipal: 0,
  newPerSecond: 0,
  newPerSecondPerAddress: 0,
  newPerSecondPerPrincipal: 0,
  idleMs: 1,
  lifetimeMs: 0,
  bufferBytes: 1,
};
