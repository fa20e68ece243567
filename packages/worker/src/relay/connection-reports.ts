/**
 * What an operator is told of the relayed WebSockets of this worker. Links are kept in the order in which they came, and each
 * has a number; with the worker and its life that is an id that no other connection of this machine ever has. Ids are of
 * one width, so that their order as texts is that of workers, lives and numbers.
 */
import type { ConnectionFilter, ConnectionReport, Found, Page } from '../control/operator-questions.js';
import type { RelayLink } from './relay-link.js';

/** One life of a worker. */
export interface WorkerLife {
  readonly workerId: number;
  /** Epoch ms: a worker that comes in place of another numbers from 1 again. */
  readonly startedAtMs: number;
}

export type ReportedLink = Pick<
  RelayLink,
  'about' | 'bufferedBytes' | 'messagesUp' | 'messagesDown' | 'bytesUp' | 'bytesDown' | 'close'
>;

const WORKER_DIGITS = 4;
const NUMBER_DIGITS = 7;
const NUMBER = /^[0-9a-z]{7}$/;

export class ConnectionReports {
  readonly #prefix: string;
  readonly #links: ReadonlySet<ReportedLink>;

  constructor({ workerId, startedAtMs }: WorkerLife, links: ReadonlySet<ReportedLink>) {
    this.#prefix = `${String(workerId).padStart(WORKER_DIGITS, '0')}-${startedAtMs.toString(36)}-`;
    this.#links = links;
  }

  list(filter: ConnectionFilter, { after, limit }: Page): Found<ConnectionReport> {
    const behind = this.#numberBehind(after);
    let count = 0;
    let hasMore = false;
    const reports: ConnectionReport[] = [];
    for (const link of this.#links) {
      if (!fits(link, filter)) continue;
      count += 1;
      if (link.about.number <= behind) continue;
      if (reports.length < limit) reports.push(this.#reportOf(link));
      else hasMore = true;
    }
    return { count, reports, hasMore };
  }

  find(id: string): ConnectionReport | undefined {
    const link = this.#linkOf(id);
    return link && this.#reportOf(link);
  }

  /** Answers as it was before. */
  close(id: string, code: number, reason: string): ConnectionReport | undefined {
    const link = this.#linkOf(id);
    const report = link && this.#reportOf(link);
    link?.close(code, reason, 'closed by the operator');
    return report;
  }

  #linkOf(id: string): ReportedLink | undefined {
    const number = this.#numberOf(id);
    for (const link of this.#links) if (link.about.number === number) return link;
    return undefined;
  }

  /** undefined: none of this life of this worker. */
  #numberOf(id: string): number | undefined {
    const rest = id.slice(this.#prefix.length);
    return id.startsWith(this.#prefix) && NUMBER.test(rest) ? Number.parseInt(rest, 36) : undefined;
  }

  /** Those of another life all come before, or all come behind. */
  #numberBehind(after: string | undefined): number {
    if (after === undefined) return 0;
    return this.#numberOf(after) ?? (after < this.#prefix ? 0 : Infinity);
  }

  #reportOf({ about, bufferedBytes, messagesUp, messagesDown, bytesUp, bytesDown }: ReportedLink): ConnectionReport {
    const { number, counts, client, record } = about;
    return {
      id: `${this.#prefix}${number.toString(36).padStart(NUMBER_DIGITS, '0')}`,
      route: counts.route,
      pool: counts.pool,
      backend: counts.backend,
      address: client.address,
      requestId: record.id,
      connectedMs: Math.round(record.elapsedMs),
      messagesUp,
      messagesDown,
      bytesUp,
      bytesDown,
      bufferedBytes,
    };
  }
}

function fits({ about: { counts, client } }: ReportedLink, filter: ConnectionFilter): boolean {
  const { pool, route, backend, address } = filter;
  if (pool !== undefined && counts.pool !== pool) return false;
  if (route !== undefined && counts.route !== route) return false;
  if (backend !== undefined && counts.backend !== backend) return false;
  return address === undefined || client.address === address;
}
