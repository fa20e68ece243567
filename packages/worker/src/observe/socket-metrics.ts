/** Metrics of the TCP connections of clients, whatever is spoken on them: where slow and silent ones show. */
import { Counter, Gauge, type Registry } from 'prom-client';
import type { ClientSockets } from '../listener/client-sockets.js';

export function addSocketMetrics(registry: Registry, worker: string, sockets: () => ClientSockets): void {
  const accepted: Counter = new Counter({
    name: 'holdfast_sockets_total',
    help: 'TCP connections of clients that were accepted',
    registers: [registry],
    collect: () => {
      accepted.reset();
      accepted.inc(sockets().accepted);
    },
  });
  const waiting: Gauge = new Gauge({
    name: 'holdfast_sockets_waiting',
    help: 'TCP connections of clients that are no WebSocket, or not yet',
    labelNames: ['worker'],
    registers: [registry],
    collect: () => waiting.set({ worker }, sockets().waiting),
  });
}
