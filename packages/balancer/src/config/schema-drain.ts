/** Schema of `drain`: how a balancer, and each of its workers when it is replaced, lets its clients go. */
import type { DrainConfig } from '@holdfast/worker';
import type { z } from 'zod';
import { duration, integer, map, refuse } from './schema-parts.js';

export const drainSchema: z.ZodType<DrainConfig> = map({
  grace: duration()
    .prefault('0s')
    .describe(
      'Duration for which readiness fails while everything is served as before: until those in front have noticed.',
    ),
  window: duration()
    .optional()
    .describe(
      'Duration over which connections are closed, evenly. Absent: about 50 per second and worker, at least 2 s, at most 4/5 of what the grace leaves of the timeout.',
    ),
  timeout: duration()
    .prefault('30s')
    .describe('Duration of the whole, grace included: what is left then is closed at once, and cut.'),
  rate: integer({ max: 1_000_000 })
    .default(0)
    .describe('Connections closed per second at most, of all workers together. 0: whatever the window needs.'),
}).transform(({ grace, window, timeout, rate }, context): DrainConfig => {
  if (grace > timeout) return refuse(context, 'a grace within the timeout, of which it is a part');
  if (window !== undefined && grace + window > timeout) {
    return refuse(context, 'a grace and a window that are within the timeout together');
  }
  return { graceMs: grace, windowMs: window, timeoutMs: timeout, closesPerSecond: rate };
});
