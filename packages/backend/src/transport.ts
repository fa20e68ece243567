/**
 * What a trunk needs of the connection under it. One implementation has sockets (trunk-server.ts); tests and simulations
 * pass their own to `backend.acceptTrunk`.
 */
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
  /** Called once; nothing comes any more. */
  onClose: ((code: number, reason: string) => void) | undefined;
  /** Optional: what was buffered is gone. Without it the next tick finds out. */
  onWritable?: (() => void) | undefined;
}
