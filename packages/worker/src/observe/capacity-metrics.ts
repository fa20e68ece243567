/** Prometheus metrics of admission and overload, read from both when somebody asks. */
import { Counter, Gauge, type Registry } from 'prom-client';
import type { AdmissionCounts } from '../admission/admission.js';

export interface CapacityFacts {
  readonly admission: { readonly counts: AdmissionCounts; readonly waiting: number; readonly perSecond: number };
  readonly overload: { readonly level: number; readonly memoryLimitBytes: number };
  readonly sharedRates: number;
}

export function addCapacityMetrics(registry: Registry, worker: string, facts: () => CapacityFacts): void {
  const gauge = (name: string, help: string, value: (facts: CapacityFacts) => number): void => {
    const metric: Gauge = new Gauge({
      name,
      help,
      labelNames: ['worker'],
      registers: [registry],
      collect: () => metric.set({ worker }, value(facts())),
    });
  };
  gauge('holdfast_admission_rate', 'Clients that may come in per second', ({ admission }) => admission.perSecond);
  gauge('holdfast_admission_waiting', 'Clients that wait for their turn', ({ admission }) => admission.waiting);
  gauge(
    'holdfast_overload_level',
    '0 fine, 1 idle times halved, 2 new refused, 3 buffers shed',
    ({ overload }) => overload.level,
  );
  gauge(
    'holdfast_memory_limit_bytes',
    'Memory that this worker may have; 0: no limit',
    ({ overload }) => overload.memoryLimitBytes,
  );
  gauge('holdfast_shared_rates', 'Rates of messages that clients have in common', ({ sharedRates }) => sharedRates);
  const admissions: Counter = new Counter({
    name: 'holdfast_admissions_total',
    help: 'Clients that asked to come in: handshakes, and hellos of sessions',
    labelNames: ['kind', 'outcome'],
    registers: [registry],
    collect: () => {
      const { counts } = facts().admission;
      admissions.reset();
      admissions.inc({ kind: 'resume', outcome: 'admitted' }, counts.resumesIn);
      admissions.inc({ kind: 'resume', outcome: 'refused' }, counts.resumesRefused);
      admissions.inc({ kind: 'new', outcome: 'admitted' }, counts.newIn);
      admissions.inc({ kind: 'new', outcome: 'refused' }, counts.newRefused);
    },
  });
}
