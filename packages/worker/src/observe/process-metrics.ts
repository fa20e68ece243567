/**
 * Node's own metrics of a process: CPU, memory, garbage collection, descriptors. prom-client's, without its view of the event
 * loop: that costs a timer of 10 ms, awake 100 times a second in a process that has nothing to do, and
 * holdfast_event_loop_lag_seconds says the same. It cannot be left out, but made to sleep, and not told of.
 */
import { collectDefaultMetrics, type Registry } from 'prom-client';

const NEVER_MS = 24 * 3_600_000;
const EVENT_LOOP = /nodejs_eventloop_lag/;

export function addProcessMetrics(registry: Registry, prefix: string, labels: Readonly<Record<string, string>>): void {
  collectDefaultMetrics({ register: registry, prefix, labels, eventLoopMonitoringPrecision: NEVER_MS });
  for (const { name } of registry.getMetricsAsArray()) if (EVENT_LOOP.test(name)) registry.removeSingleMetric(name);
}
