/**
 * What a trunk needs of the connection under it. One implementation has sockets (ws-transport.ts); tests and simulations
 * pass their own. Whoever dials sets the three handlers before anything can happen; after `onClose` nothing comes any more.
 */
import type { PoolTlsConfig, SocksProxy } from '../config.js';

export interface TrunkTransport {
  /** Never throws; what is sent after the end is dropped. The batch is not touched again by the caller. */
  send(batch: Uint8Array): void;
  /** Sent, and not yet taken by the network. */
  readonly bufferedBytes: number;
  close(code: number, reason: string): void;
  /** At once, without a close frame. */
  terminate(): void;
  /** `batch` may be kept: it is not used again. */
  onMessage: ((batch: Uint8Array) => void) | undefined;
  /** Connected or not, it is over. `reason` of a failed connection is for people. Called once. */
  onClose: ((code: number, reason: string) => void) | undefined;
}

/** Where to dial, plain data. */
export interface TrunkTarget {
  /** ws:// or wss://, with the path. */
  readonly url: string;
  readonly host: string;
  readonly port: number;
  readonly isTls: boolean;
  /** What the certificate has to be for. */
  readonly certificateName: string;
  /** See Backend.tls. */
  readonly tls: PoolTlsConfig | undefined;
  /** See Backend.proxy. */
  readonly proxy: SocksProxy | undefined;
  readonly connectTimeoutMs: number;
}

/** Begins to connect; a failure is told by `onClose`, never thrown. */
export type DialTrunk = (target: TrunkTarget) => TrunkTransport;
