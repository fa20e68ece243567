/**
 * What the three kinds of health check have in common. A check makes one connection of its own and answers with a
 * value, whatever happens: refused, reset, silent, not the protocol, or aborted. When it answers, its socket is gone.
 * Deadlines are the caller's: it aborts the signal, with the reason that people will read.
 */
import type { Socket } from 'node:net';
import {
  handOver,
  type HealthConfig,
  LOCAL_HEADER,
  type OnConnection,
  openConnection,
  type PoolTlsConfig,
  type SocksProxy,
} from '@holdfast/worker';

export interface CheckTarget {
  /** Origin: http:// or https://. */
  readonly url: string;
  /** Name for the certificate, SNI and Host where the URL holds an address that was looked up. */
  readonly serverName: string | undefined;
  /** Of the pool: the check shows the certificate that traffic shows. */
  readonly tls?: PoolTlsConfig | undefined;
  /** Of the pool: checks take the way that traffic takes. */
  readonly proxy?: SocksProxy | undefined;
  /** Of the pool: a backend that demands a PROXY header gets one that speaks for nobody. */
  readonly proxyProtocol?: 'v2' | undefined;
}

export type CheckResult =
  { readonly ok: true; readonly rttMs: number } | { readonly ok: false; readonly error: string };

export type Check = (target: CheckTarget, config: HealthConfig, signal: AbortSignal) => Promise<CheckResult>;

/** Certificates are verified: a check that a stranger could answer proves nothing. */
export const CHECK_HEADERS: Readonly<Record<string, string>> = { 'user-agent': 'holdfast-health-check' };

export function expected(what: string, got: unknown): CheckResult {
  return { ok: false, error: `expected ${what}, got ${describeError(got)}` };
}

export function hostHeader(target: CheckTarget): string {
  const url = new URL(target.url);
  if (target.serverName === undefined) return url.host;
  return url.port === '' ? target.serverName : `${target.serverName}:${url.port}`;
}

export function addressOf(target: CheckTarget): {
  readonly host: string;
  readonly port: number;
  readonly isTls: boolean;
} {
  const url = new URL(target.url);
  const isTls = url.protocol === 'https:';
  const port = url.port === '' ? (isTls ? 443 : 80) : Number(url.port);
  return { host: url.hostname.replace(/^\[(.*)\]$/, '$1'), port, isTls };
}

/** Ready for the first byte of the check. Rejects with a sentence, and leaves nothing open then. */
export function connectForCheck(target: CheckTarget, signal: AbortSignal): Promise<Socket> {
  const { tls, proxy, proxyProtocol, serverName } = target;
  const endpoint = addressOf(target);
  const certificateName = tls?.serverName ?? serverName ?? endpoint.host;
  const firstBytes = proxyProtocol === undefined ? undefined : LOCAL_HEADER;
  return openConnection({ endpoint, certificateName, tls, proxy, firstBytes }, signal);
}

/** The same, as node:http and `ws` want it. */
export function connection(
  target: CheckTarget,
  signal: AbortSignal,
): (options: object, done: OnConnection) => undefined {
  return (_options, done) => {
    void handOver(connectForCheck(target, signal), done);
    return undefined;
  };
}

function describeError(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  // A host with several addresses fails with an AggregateError that has no message of its own.
  if (error instanceof AggregateError && error.errors.length > 0) return describeError(error.errors[0]);
  return error.message === '' ? error.name : error.message;
}
