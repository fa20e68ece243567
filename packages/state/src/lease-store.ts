/**
 * LeaseStore: which processes of the fleet are alive. Each renews its own lease every few seconds and learns of all
 * others by the same call; one that stops is gone when its time is over, by the store's clock and nobody else's.
 */
export interface LeaseStore {
  /**
   * Renews this lease for `ttlMs`, and answers all that are alive, this one included, in no order. Rejected with
   * STATE_UNAVAILABLE when MAX_LEASES others are alive already.
   */
  renew(lease: Lease): Promise<readonly LiveLease[]>;
  /** Gives the lease up at once; one that is not there is no mistake. */
  release(id: string): Promise<void>;
}

export interface LiveLease {
  /** One life of a process. */
  readonly id: string;
  readonly kind: LeaseKind;
  /** Small JSON text, the holder's own; nothing in it is looked at here. */
  readonly info: string;
}

export interface Lease extends LiveLease {
  readonly ttlMs: number;
}

export type LeaseKind = (typeof LEASE_KINDS)[number];

export const LEASE_KINDS = ['worker', 'balancer'] as const;
export const MAX_LEASE_INFO_BYTES = 1024;
/** Each renewal answers all: beyond this, one store is the wrong place for so large a fleet. */
export const MAX_LEASES = 4096;
