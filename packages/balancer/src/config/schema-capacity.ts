/**
 * Schemas of `admission`, `overload` and `rebalance`: how much the balancer takes on, what it does under pressure, and whether
 * it spreads sessions anew. What comes out is the worker's; so are the defaults.
 */
import {
  type AdmissionConfig,
  DEFAULT_ADMISSION,
  DEFAULT_OVERLOAD,
  DEFAULT_REBALANCE,
  type OverloadConfig,
  type RebalanceConfig,
} from '@holdfast/worker';
import type { z } from 'zod';
import { duration, flag, integer, map, orFalse, size } from './schema-parts.js';
import { formatDuration } from './units.js';

const MAX_PER_SECOND = 1_000_000;
const MAX_MEMORY_BYTES = 2 ** 40;

export const admissionSchema: z.ZodType<AdmissionConfig> = map({
  perSecond: integer({ min: 1, max: MAX_PER_SECOND })
    .default(DEFAULT_ADMISSION.perSecond)
    .describe('New WebSockets and sessions that each worker lets in per second, 1–1000000.'),
  fleetPerSecond: integer({ max: MAX_PER_SECOND })
    .default(DEFAULT_ADMISSION.fleetPerSecond)
    .describe('The same, of all workers that share state together. 0: no cap but their own.'),
});

export const overloadSchema: z.ZodType<OverloadConfig> = map({
  memory: size({ max: MAX_MEMORY_BYTES })
    .default(DEFAULT_OVERLOAD.memoryBytes)
    .describe("Memory that each worker may have. 0: its share of the control group's limit; without one, no limit."),
  eventLoopLag: duration()
    .prefault(formatDuration(DEFAULT_OVERLOAD.eventLoopLagMs))
    .describe('Duration that the event loop may be late. 0: it is not looked at.'),
}).transform(({ memory, eventLoopLag }) => ({ memoryBytes: memory, eventLoopLagMs: eventLoopLag }));

export const rebalanceSchema: z.ZodType<RebalanceConfig> = orFalse(
  map({
    balancers: flag()
      .default(DEFAULT_REBALANCE.balancers)
      .describe('Sends clients of a balancer that has more than its share to the others.'),
    backends: flag()
      .default(DEFAULT_REBALANCE.backends)
      .describe('Moves sessions of backends that have more than their share to the others.'),
    perSecond: integer({ min: 1, max: 1000 })
      .default(DEFAULT_REBALANCE.perSecond)
      .describe('Sessions that a worker moves per second at most, for each of the two, 1–1000.'),
  }),
  { ...DEFAULT_REBALANCE, balancers: false, backends: false },
);
