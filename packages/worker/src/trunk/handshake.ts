/**
 * The worker's half of a trunk's handshake (PROTOCOL.md, "Beginning"): what to answer to a challenge, and whether to believe
 * the backend. Pure but for the nonce that is passed in.
 */
import { agreeOnVersion, type Challenge, CloseCode, ProtocolError, type Prove, type Ready } from '@holdfast/protocol';
import { TRUNK_HEARTBEAT_MS, TRUNK_STALE_MS } from './heartbeat.js';
import { isProven, type Nonces, prove } from './proof.js';

export interface HandshakeOptions {
  /** The first proves, all are believed. */
  readonly secrets: readonly string[];
  /** Incarnation of this worker. */
  readonly worker: string;
  readonly maxMessageBytes: number;
  readonly newNonce: () => string;
}

export function answerChallenge(
  challenge: Challenge,
  options: HandshakeOptions,
): { readonly nonces: Nonces; readonly prove: Prove } {
  const { secrets, worker, maxMessageBytes, newNonce } = options;
  const version = agreeOnVersion(challenge.versions, CloseCode.UnsupportedVersion);
  const nonces = { challenge: challenge.nonce, prove: newNonce() };
  const proof = prove('worker', secrets[0] ?? '', nonces);
  const timing = { heartbeatMs: TRUNK_HEARTBEAT_MS, staleMs: TRUNK_STALE_MS };
  return { nonces, prove: { version, nonce: nonces.prove, proof, worker, ...timing, maxMessageBytes } };
}

export function checkReady(ready: Ready, secrets: readonly string[], nonces: Nonces): void {
  if (isProven(ready.proof, 'backend', secrets, nonces)) return;
  throw new ProtocolError('ready: expected a proof made with our secret, got another', CloseCode.BadCredentials);
}
