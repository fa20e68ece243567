/**
 * How both ends of a trunk prove that they know the shared secret without saying it (PROTOCOL.md, "Beginning"). A worker
 * proves with one of the secrets; this end answers with the same one, so that secrets can be exchanged one end at a time.
 */
import { createHmac, timingSafeEqual } from 'node:crypto';

export interface Nonces {
  readonly challenge: string;
  readonly prove: string;
}

export const NONCE_BYTES = 32;

/** The secret that the worker proved to know; undefined: none of ours. */
export function secretOf(proof: string, secrets: readonly string[], nonces: Nonces): string | undefined {
  const given = Buffer.from(proof, 'base64url');
  return secrets.find((secret) => {
    const expected = mac('worker', secret, nonces);
    return given.length === expected.length && timingSafeEqual(given, expected);
  });
}

export function proveAs(end: 'worker' | 'backend', secret: string, nonces: Nonces): string {
  return mac(end, secret, nonces).toString('base64url');
}

function mac(end: 'worker' | 'backend', secret: string, { challenge, prove }: Nonces): Buffer {
  return createHmac('sha256', secret).update(`holdfast-trunk.v1 ${end}\n${challenge}\n${prove}`).digest();
}
