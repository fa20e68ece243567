/** Every certificate that a configuration has this balancer show, for the report and its metrics. Pure. */
import type { WorkerConfig } from '@holdfast/worker';
import { formatAddress } from '../config/formats.js';
import type { CertificateReport } from './report.js';

export function certificatesOf({ listen, pools }: Pick<WorkerConfig, 'listen' | 'pools'>): CertificateReport[] {
  return [
    ...listen.flatMap(({ tls, ...address }): CertificateReport[] => {
      const shownBy = { listener: formatAddress(address) };
      const all = tls === undefined ? [] : [[undefined, tls] as const, ...Object.entries(tls.names)];
      return all.map(([name, { expiresAtMs }]) => ({ shownBy, name, expiresAtMs }));
    }),
    ...Object.entries(pools).flatMap(([pool, { tls }]): CertificateReport[] => {
      if (tls?.client === undefined) return [];
      return [{ shownBy: { pool }, name: undefined, expiresAtMs: tls.client.expiresAtMs }];
    }),
  ];
}
